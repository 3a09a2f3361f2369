"""A run's report: complete, in one file, safe whatever the texts hold, bounded whatever the size."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from html_page import HtmlPage
from scored_runs import CPU, clip, heard, scored_run
from staged import staged

from acento.core.store import LocalStore
from acento.registry.report import sound
from acento.registry.report.sound import sounds
from acento.registry.runs.comparing import RunChoice, compare_stored
from acento.registry.runs.reports import comparison_report, run_report
from acento.scoring.entry import Speed
from acento.scoring.score import UtteranceResult

EVIL = "<script>alert(1)</script><img src=http://example.org/x onerror=alert(1)>"
ORIGIN = {
    "measured": {
        "devices": ["NVIDIA L40S"],
        "backends": ["inline"],
        "placements": [1],
        "attempts": 2,
        "load_s": 1.5,
        "warm_up_s": 0.5,
        "decode_wall_s": 4.0,
        "read_wait_s": 0.25,
        "read_s": 1.0,
        "features_s": 0.75,
        "model_s": 3.0,
        "text_s": 0.125,
        "gpu_s": 6.0,
        "cost": None,
    },
    "decoding": {"dtype": "bfloat16", "threads": 2, "batch_size": 8, "language": "es"},
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def clips(count: int = 8, **changes: Any) -> list[UtteranceResult]:
    return [
        clip(f"c{n:02}", "uno dos tres", speaker=f"s{n % 3}", accent=("chilean", "neutral")[n % 2], **changes)
        for n in range(count)
    ]


def page(store: LocalStore, models: dict[str, list[UtteranceResult]], **options: Any) -> HtmlPage:
    scored_run(store, "run-1", models, **options)
    shown = HtmlPage(run_report(store, "run-1"))
    assert (shown.mistakes, shown.open) == ([], [])
    return shown


@pytest.mark.slow
def test_it_fetches_nothing_and_knows_light_and_dark(store: LocalStore) -> None:
    scored_run(store, "run-1", {"mini": heard(clips(), {"c01": "uno tos"}), "micro": clips()})
    text = run_report(store, "run-1")
    shown = HtmlPage(text)
    assert all(address.startswith(("#", "data:")) for address in shown.addresses())
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in shown.elements}
    assert text.count("prefers-color-scheme:dark") == 2
    assert "max-width:600px" in text
    assert "url(http" not in text
    (policy,) = (one["content"] for one in shown.of("meta") if one.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; media-src data:"
    assert len(text) < 200_000


@pytest.mark.slow
def test_texts_names_and_reasons_are_escaped_everywhere(store: LocalStore) -> None:
    bad = [clip(EVIL, EVIL, hypothesis=EVIL + " a", speaker=EVIL, accent=EVIL), clip("x", "a", speaker="s", accent="t")]
    failed = [clip("y", "a", hypothesis=None, error=EVIL)]
    body = {"left_out": {EVIL: EVIL}, "machine": {"host": EVIL}, "request": {"models": [EVIL], "datasets": [EVIL]}}
    shown = page(store, {f"{EVIL}$x_1$": bad + failed, "b": bad}, rule="none", body=body)
    assert not {"script", "img"} & {tag for tag, _ in shown.elements}
    assert shown.text.count("<script>alert(1)</script>") > 10
    assert not any(name.startswith("on") for _, attributes in shown.elements for name in attributes)


def test_rates_errors_groups_words_and_failures_are_in_it(store: LocalStore) -> None:
    one = heard(clips(), {"c01": "uno tos tres", "c02": "uno dos tres cuatro", "c03": "uno dos", "c04": None})
    fast = Speed(rtfx=90.0, low=None, high=None, inference_s=1.0, conditions=CPU)
    scored_run(store, "run-1", {"mini": one, "micro": clips()}, speed=fast)
    shown = HtmlPage(run_report(store, "run-1"))
    drawn = [one["aria-label"] for one in shown.of("svg")]
    assert drawn == [
        "WER with 95% intervals",
        "Kinds of errors",
        "WER against speed, with the Pareto front",
        "WER by speaker, with 95% intervals",
        "WER by accent, with 95% intervals",
    ]
    assert "No step of basic-1 changes the WER of these texts." in shown.text
    for words in ("14.29", "1/1/1", "dos tos 1", "cuatro 1", "out of memory 1 c04", "Nothing was measured"):
        assert words in shown.text
    kinds = [one.get("class") for one in shown.of("span")]
    assert all(kind in kinds for kind in ("hit", "substitution", "deletion", "insertion"))


def test_speeds_measured_on_different_machines_are_not_drawn_together(store: LocalStore) -> None:
    scored_run(store, "run-1", {"mini": clips(), "micro": clips()}, speed=None)
    assert "against speed" not in run_report(store, "run-1")


def test_time_and_provenance_are_those_of_the_run(store: LocalStore) -> None:
    scored = {"mini": clips()}
    result = ORIGIN | {
        "model": {"id": "mini", "digest": f"{0:064}", "family": "whisper"},
        "dataset": {"name": "demo@1", "fingerprint": "d" * 64, "split": "test", "validation": "passed"},
        "normalizer": "basic-1",
    }
    body = {"results": [result], "acento": "0.2.0 (abc)", "libraries": {"torch": "2.9"}, "wall_s": 4000.0}
    shown = page(store, scored, body=body)
    for words in (
        "mini 1.00 0.75 3.00 0.12 4.00 0.25 1.50 0.50 50",
        "device NVIDIA L40S",
        "dtype bfloat16",
        "batch size 8",
        "GPU seconds 6.0",
        "validation passed",
        "normalizer basic-1",
        "torch 2.9",
        "Acento 0.2.0 (abc)",
        "wall 1.1 h",
    ):
        assert words in shown.text
    assert "Seconds by stage" in [one["aria-label"] for one in shown.of("svg")]


def test_a_run_without_data_set_measurements_or_request_is_shown(store: LocalStore) -> None:
    shown = page(store, {"theirs": heard(clips(), {"c01": "uno"})}, dataset="manifest", speed=None)
    assert "There is no data set 'manifest'" in shown.text
    assert shown.of("audio") == []


def test_a_run_where_nothing_is_scored_is_shown(store: LocalStore) -> None:
    shown = page(store, {"mini": [clip("a", None, hypothesis="x"), clip("b", "y", hypothesis=None, error="broken")]})
    assert "No clip has an error." in shown.text
    assert "broken 1 b" in shown.text


@pytest.mark.slow
def test_a_huge_run_stays_small(store: LocalStore) -> None:
    many = [
        clip(f"c{n:04}", f"w{n} uno dos", hypothesis=f"v{n} uno {'x ' * (n % 7)}", speaker=f"s{n:04}", accent=f"a{n}")
        for n in range(200)
    ]
    long = [clip("long", "uno", hypothesis="palabra " * 20_000)]
    scored_run(store, "run-1", {f"model-{n}": many + long for n in range(3)})
    text = run_report(store, "run-1")
    assert len(text) < 700_000
    shown = HtmlPage(text)
    assert len(shown.of("section")) == 20
    assert "And 19,700 more." in shown.text
    assert "170 more with lower rates are not listed." in shown.text
    assert "And 190 more." in shown.text


@pytest.mark.slow
def test_many_models_are_listed_to_a_bound(store: LocalStore) -> None:
    shown = page(store, {f"model-{n:02}": heard(clips(3), {"c01": "uno"}) for n in range(32)})
    assert "2 more models are in leaderboard.md." in shown.text
    assert shown.text.count("texts of the first 6 models") == 1


def test_the_worst_clips_have_their_sound_and_staging_its_rejected_inputs(store: LocalStore, tmp_path: Path) -> None:
    card = staged(store, tmp_path / "clips")
    texts = [clip(f"c{n:02}", f"uno dos {n}", hypothesis="uno") for n in range(6)] + [clip("gone", "a", hypothesis="b")]
    result = {
        "model": {"id": "mini", "digest": f"{0:064}"},
        "dataset": {"name": f"{card.name}@1", "fingerprint": "d" * 64, "split": "test"},
        "normalizer": "basic-1",
    }
    scored_run(store, "run-1", {"mini": texts}, body={"results": [result]}, dataset_fingerprint=card.fingerprint)
    shown = HtmlPage(run_report(store, "run-1", audio=4))
    heard_clips = shown.of("audio")
    assert [one["aria-label"] for one in heard_clips] == ["c00", "c01", "c02"]  # and the worst, which is gone
    assert "has no audio of this clip" in shown.text
    assert "Staging left nothing out" in shown.text
    sound = (heard_clips[2]["src"] or "").removeprefix("data:audio/mpeg;base64,")
    (tmp_path / "sound.mp3").write_bytes(b64decode(sound, validate=True))
    samples, rate = soundfile.read(tmp_path / "sound.mp3")
    assert (rate, len(samples) / rate) == (16_000, pytest.approx(0.3, abs=0.1))
    assert np.abs(samples).max() > 0.01
    assert HtmlPage(run_report(store, "run-1", audio=0)).of("audio") == []


def test_sound_beyond_the_budget_is_left_out_and_said(store: LocalStore, tmp_path: Path) -> None:
    whole = staged(store, tmp_path / "clips").fingerprint
    one = len(b64decode(sounds(store, "demo@1", whole, ["c00"])["c00"].mp3 or ""))
    found = sounds(store, "demo@1", whole, ["c00", "c01"], budget=one)
    assert found["c00"].mp3 is not None
    assert (found["c01"].mp3, "as much sound as it may" in (found["c01"].note or "")) == (None, True)


@pytest.mark.slow
def test_a_data_set_that_only_has_the_same_name_lends_no_sound(store: LocalStore, tmp_path: Path) -> None:
    staged(store, tmp_path / "clips")
    texts = [clip("c00", "uno dos", hypothesis="uno"), clip("c01", "tres", hypothesis="tres")]
    for run, dataset in (("foreign", "demo"), ("older", "demo v1")):
        scored_run(store, run, {"mini": texts, "other": heard(texts, {"c01": "dos"})}, dataset=dataset)
        shown = HtmlPage(run_report(store, run))
        assert shown.of("audio") == []
        assert "is not what was scored" in shown.text
    pair = compare_stored(store, "foreign", "foreign", RunChoice(model_a="mini", model_b="other"))
    assert HtmlPage(comparison_report(store, pair)).of("audio") == []


def test_what_each_step_of_the_normalizer_takes_away_is_shown(store: LocalStore) -> None:
    loud = [clip(f"c{n}", "¡Uno, DOS!", hypothesis="uno dos") for n in range(4)]
    shown = page(store, {"mini": loud})
    assert "as-written 100.00" in shown.text
    assert "symbols-to-spaces 0.00 (-100.00)" in shown.text
    assert (
        "What the normalizer takes away" not in page(LocalStore(store.root / "raw"), {"mini": loud}, rule="none").text
    )


def test_audio_that_cannot_be_read_is_said(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = staged(store, tmp_path / "clips", clips=2)
    monkeypatch.setattr(sound, "read_audio", lambda *_: {"c00": b"no flac"})
    found = sounds(store, "demo@1", card.fingerprint, ["c00", "c01"])
    assert "cannot be read" in (found["c00"].note or "")
    assert "has no audio of this clip" in (found["c01"].note or "")
