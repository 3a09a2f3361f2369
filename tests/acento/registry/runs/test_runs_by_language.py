"""Runs on data sets of several languages: each is scored by its language's rule, and ranked by that rule's headline."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_recognizer import FAKE, FakeRecognizer, fake_model
from made_up import clip, make_set, speech

from acento.api.benchmarking import run_benchmark
from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.inference import jobs as job_module
from acento.models.base import Transcript
from acento.registry.runs.leaderboards import leaderboard
from acento.registry.runs.records import asked_normalizer, begin
from acento.registry.runs.rescoring import rescore
from acento.requests import BenchmarkRequest
from acento.scoring.boards.leaderboard import Board, Leaderboard


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    return LocalStore(tmp_path / "store")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """What the recognizer writes for a clip of so many samples."""
    texts: dict[int, str] = {}
    monkeypatch.setattr(FakeRecognizer, "finish", lambda _, tokens: [Transcript(texts[count]) for count in tokens])
    return texts


def spoken(
    store: LocalStore, said: dict[int, str], name: str, language: str | None, pairs: Sequence[tuple[str, str]]
) -> None:
    """Publish a data set of references, and let the recognizer write the hypotheses beside them."""
    rows = []
    for reference, hypothesis in pairs:
        number = len(said)
        samples = speech(number, seconds=0.5 + 0.1 * number)
        said[len(samples)] = hypothesis
        rows.append(clip(number, "test", samples, text=reference, language=language, speaker=None))
    make_set(store, [rows], name)


def measured(store: LocalStore, tmp_path: Path, *datasets: str, **asked: object) -> Leaderboard:
    model = str(fake_model(tmp_path / "model"))
    request = BenchmarkRequest.of(models=[model], datasets=list(datasets), device="cpu", **asked)
    return run_benchmark(store, request).leaderboard


def by_dataset(board: Leaderboard) -> dict[str, Board]:
    return {one.dataset.partition(" ")[0]: one for one in board.boards}


def test_one_run_on_several_languages_has_the_rule_and_the_headline_of_each(
    store: LocalStore, said: dict[int, str], tmp_path: Path
) -> None:
    spoken(store, said, "hindi", "hi", [("हिन्दी भाषा", "हिन्दि भाषा"), ("की", "कि")])
    spoken(store, said, "thai", "th", [("สวัสดีครับ", "สวัสดีคราบ")])
    spoken(store, said, "japanese", "ja-JP", [("今日は良い天気です", "今日は 良い 天気 です"), ("雨です", "雨だす")])
    spoken(store, said, "chilean", "es-CL", [("1º po", "primero po"), ("sí", "no")])
    spoken(store, said, "unknown", None, [("Uno, dos", "uno dos")])
    found = by_dataset(measured(store, tmp_path, "hindi", "thai", "japanese", "chilean", "unknown"))
    shown = {name: (one.normalizer, one.rows[0].entry.score.rate_name) for name, one in found.items()}
    assert shown == {
        "hindi": ("unicode-1", "WER"),
        "thai": ("unicode-th-1", "CER"),
        "japanese": ("unicode-ja-1", "CER"),
        "chilean": ("spanish-1", "WER"),
        "unknown": ("unicode-1", "WER"),
    }
    rates = {name: one.rows[0].entry.score.rate.value for name, one in found.items()}
    assert rates["hindi"] == pytest.approx(2 / 3)
    assert rates["thai"] == pytest.approx(1 / 10)
    assert rates["japanese"] == pytest.approx(1 / 12), "spaces are no errors, and one of twelve characters is wrong"
    assert rates["chilean"] == pytest.approx(1 / 3)
    assert rates["unknown"] == 0


def test_the_board_of_a_script_without_spaces_begins_with_cer_and_says_why(
    store: LocalStore, said: dict[int, str], tmp_path: Path
) -> None:
    spoken(store, said, "chinese", "zh", [("今天天气非常好我们去吧", "今天天气非常好我们去把")])
    (board,) = measured(store, tmp_path, "chinese").boards
    assert board.title == "chinese v1, test, normalizer unicode-zh-1, headline CER: the script has no spaces"
    grid = board.grid()
    assert grid.columns[2:5] == ("CER % [95%]", "WER %", "S/D/I")
    assert grid.rows[0][2].startswith("9.09")
    assert grid.rows[0][4] == "1/0/0"
    split = board.breakdown("split")
    assert split is not None
    assert split.title == "CER % by split"


def test_a_run_scored_again_has_the_rule_of_what_is_spoken(
    store: LocalStore, said: dict[int, str], tmp_path: Path
) -> None:
    spoken(store, said, "galician", "gl", [("Unha cousa", "unha cousa")])
    spoken(store, said, "turkish", "tr", [("IŞIK", "ışık")])
    measured(store, tmp_path, "galician", "turkish", language="es", normalizer="none", job_id="first")
    again = rescore(store, "first", [])
    assert {one.normalizer for one in again.leaderboard.boards} == {"unicode-1", "unicode-tr-1"}
    assert {one.rows[0].entry.score.rate.value for one in again.leaderboard.boards} == {0.0}
    named = rescore(store, "first", ["unicode"])
    assert {one.normalizer for one in named.leaderboard.boards} == {"unicode-1", "unicode-tr-1"}


def test_a_named_normalizer_is_that_of_every_data_set(store: LocalStore, said: dict[int, str], tmp_path: Path) -> None:
    spoken(store, said, "hindi", "hi", [("की", "कि")])
    spoken(store, said, "chilean", "es", [("sí", "no")])
    found = measured(store, tmp_path, "hindi", "chilean", normalizer="basic")
    assert {one.normalizer for one in found.boards} == {"basic-1"}


def test_a_models_own_code_of_a_language_makes_no_other_rule(
    store: LocalStore, said: dict[int, str], tmp_path: Path
) -> None:
    spoken(store, said, "galician", "gl", [("unha cousa", "unha cousa")])
    (board,) = measured(store, tmp_path, "galician", language="es").boards
    assert board.normalizer == "unicode-1", "the references are Galician, whatever the model is told to write"
    spoken(store, said, "unsaid", None, [("Straße", "STRASSE")])
    (board,) = measured(store, tmp_path, "unsaid", language="de").boards
    assert board.normalizer == "german-1", "nobody says what is spoken, but what is to be written is known"


def test_old_and_new_runs_are_on_boards_of_their_own(store: LocalStore, said: dict[int, str], tmp_path: Path) -> None:
    spoken(store, said, "chilean", "es-CL", [("sí po", "no po"), ("la micro", "la micro")])
    measured(store, tmp_path, "chilean", normalizer="chilean-leaderboard")
    measured(store, tmp_path, "chilean")
    boards = leaderboard(store).boards
    assert [one.normalizer for one in boards] == ["chilean-leaderboard-1", "spanish-1"]
    assert [len(one.rows) for one in boards] == [1, 1]


def test_a_run_of_before_is_taken_up_again_under_the_rule_it_began_with(
    store: LocalStore, said: dict[int, str], tmp_path: Path
) -> None:
    spoken(store, said, "chilean", "es-CL", [("sí po", "no po")])
    model = str(fake_model(tmp_path / "model"))
    request = BenchmarkRequest(models=[model], datasets=["chilean"], device="cpu", job_id="nightly")
    first = run_benchmark(store, request.model_copy(update={"job_id": "probe"}))
    stored = json.loads((store.root / "requests/probe.json").read_text())
    assert (stored["request"]["normalizer"], first.leaderboard.boards[0].normalizer) == (None, "spanish-1")
    # as the version before wrote it: with the one normalizer of all languages, and without what is new since
    old = {name: value for name, value in stored["request"].items() if name not in ("repeats", "batch_check")}
    stored["request"] = old | {"normalizer": "chilean-leaderboard"}
    (store.root / "requests/nightly.json").write_text(json.dumps(stored))
    again = run_benchmark(store, request)
    assert again.run == "nightly"
    assert again.leaderboard.boards[0].normalizer == "chilean-leaderboard-1"
    with pytest.raises(InputError, match="Job id nightly belongs to another request"):
        run_benchmark(store, request.model_copy(update={"normalizer": "basic"}))


def test_a_run_that_named_its_normalizer_is_another_one_without_it(store: LocalStore) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    asked = BenchmarkRequest(models=["m"], datasets=["d"], normalizer="basic")
    begin(store, asked, {}, "mine", now)
    assert begin(store, asked, {}, "mine", now) == "mine"
    assert asked_normalizer(store, "mine") == "basic"
    with pytest.raises(InputError, match="belongs to another request"):
        begin(store, BenchmarkRequest(models=["m"], datasets=["d"]), {}, "mine", now)
