"""The window gate by hand: what is measured with both windows, kept, obeyed and shown."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from registered import registered
from staged import staged_splits
from tiny_whisper import make_whisper

import acento
from acento.api import windows
from acento.api.benchmarking import run_benchmark
from acento.api.carrying import in_process
from acento.api.windows import run_steps
from acento.core.errors import InputError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.checkpoints.resolver import resolve
from acento.models.windows import Fit
from acento.registry.card.card import publish_report, report_of
from acento.registry.card.report import latest_report
from acento.registry.gate.judging import judge
from acento.registry.gate.windows import window_verdict
from acento.registry.model_version import ModelVersion
from acento.registry.promotion import promote
from acento.registry.runs.records import entries_of
from acento.registry.versions import find_version
from acento.registry.windows import window_of
from acento.requests import BenchmarkRequest, WindowsRequest

pytestmark = pytest.mark.slow
FIT = Fit(margin_s=0.5, shortest_s=1.0)


def teach(folder: Path) -> Path:
    """Write into a model's config that it was taught short windows."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"acento_window": FIT.model_dump()}))
    return folder


class World:
    """A store with a data set, a guard, and a version that says that it was taught short windows."""

    def __init__(self, root: Path, store: LocalStore) -> None:
        self.store = store
        self.taught = registered(store, teach(make_whisper(root / "taught", seed=5)), **self.facts(root))
        staged_splits(store, root / "guard", train=0, dev=0, test=6, name="guard")

    def facts(self, root: Path) -> dict[str, Any]:
        card = staged_splits(self.store, root / "clips", train=4, dev=2, test=9)
        return {"dataset": f"{card.name}@{card.version}", "dataset_fingerprint": card.fingerprint}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACENTO_STORE", str(root / "store"))
        settings.cache_clear()
        World(root, LocalStore(root / "store"))
    settings.cache_clear()
    return root / "store"


@pytest.fixture
def store(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ACENTO_THREADS", "1")
    return LocalStore(Path(shutil.copytree(made, tmp_path / "store")))


@pytest.fixture
def taught(store: LocalStore) -> ModelVersion:
    return find_version(store, "mini-santiago")


def used_window(model: ModelVersion, window: str = "auto") -> str | None:
    """Return the window that a benchmark of the guard measures a model in."""
    board = acento.benchmark(model, "guard", num_requests=1, window=window)
    conditions = board.boards[0].rows[0].entry.conditions
    assert conditions is not None
    return conditions.window


def test_an_answer_is_obeyed_by_what_is_used_by_itself_and_by_nothing_that_was_asked_for(
    store: LocalStore, taught: ModelVersion
) -> None:
    assert used_window(taught) == "clip + 0.5 s"  # as it was taught, as nobody has judged it
    refused = acento.judge_windows(taught, guards=["guard"], window_bound=0.0, num_requests=1)
    assert not refused.passed
    assert [one.name for one in refused.sets] == ["small@1", "guard@1"]
    assert used_window(taught) is None
    assert (used_window(taught, "fit"), used_window(taught, "full")) == ("clip + 0.5 s", None)
    assert window_verdict(store, taught) == refused
    assert window_of(taught) is None

    passed = acento.judge_windows(taught, window_bound=0.99, num_requests=1)
    assert passed.passed, passed.sentences
    assert (passed.fit, window_of(taught)) == (FIT, FIT)
    assert used_window(taught) == "clip + 0.5 s"


def test_what_was_only_shortened_is_judged_against_the_full_windows_of_its_base(
    store: LocalStore, taught: ModelVersion, tmp_path: Path
) -> None:
    base = make_whisper(tmp_path / "base", seed=6)
    facts = {"dataset": taught.about.dataset, "dataset_fingerprint": taught.about.dataset_fingerprint}
    about = {"base": ModelSpec.of(resolve(str(base))).model_dump(), "recipe": {"objective": "distill"}}
    short = registered(store, teach(make_whisper(tmp_path / "short", seed=5)), name="short", **about, **facts)
    verdict = acento.judge_windows(short, num_requests=1)
    measured = [{entry.model for entry, _ in entries_of(store, f"runs/{run}")} for run in verdict.runs]
    assert measured == [{str(base)}, {short.id}]
    assert verdict.full is not None
    assert verdict.full.conditions is not None
    assert verdict.full.conditions.window is None
    assert verdict.sentences[-1].startswith(f"The full windows are those of {base}, its base: use that")
    assert f"- {verdict.sentences[-1]}" in short.card

    (base / "generation_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"the base of short@\w+, was changed since: shorten it again"):
        acento.judge_windows(short, num_requests=1)


def test_it_measures_the_same_model_in_both_windows_and_how_fast(taught: ModelVersion) -> None:
    verdict = acento.judge_windows(taught, "small[accent=chilean]", num_requests=1)
    assert verdict.test.name == "small@1[accent=chilean]"
    assert 0 < verdict.test.clips < 9
    assert verdict.full is not None
    assert verdict.short is not None
    assert (verdict.full.conditions.window, verdict.short.conditions.window) == (None, "clip + 0.5 s")  # type: ignore[union-attr]
    assert verdict.times_as_fast is not None
    assert len(set(verdict.runs)) == 2
    assert verdict.created.startswith("20")


def test_the_card_says_what_was_taught_and_what_the_gate_said(store: LocalStore, taught: ModelVersion) -> None:
    assert "The window gate has not judged them" in taught.card
    assert "the longest clip of a batch and 0.5 s, and no shorter than 1 s" in taught.card
    verdict = acento.judge_windows(taught, num_requests=1)
    for sentence in verdict.sentences:
        assert f"- {sentence}" in taught.card
    assert "| small@1 | 9 |" in taught.card
    assert "refused the short ones" in taught.card
    acento.judge_windows(taught, window_bound=0.99, num_requests=1)
    assert "under `acento_window`, and Acento uses them" in taught.card
    plain = registered(store, make_whisper(store.root / "plain"), name="plain", dataset="small@1")
    assert "## Windows" not in plain.card


def test_a_kill_between_the_two_transcriptions_loses_neither(store: LocalStore, taught: ModelVersion) -> None:
    request, asked = WindowsRequest(model=taught.title, num_requests=1), []
    here = in_process(store)

    def killed(step: Callable[..., Any], *args: Any) -> Any:
        if step is run_benchmark:
            asked.append(args[0].window)
            if len(asked) == 2:
                raise KeyboardInterrupt
        return here(step, *args)

    def attempts() -> dict[str, float]:
        return {str(path): path.stat().st_mtime_ns for path in (store.root / "jobs").rglob("*") if path.is_file()}

    with pytest.raises(KeyboardInterrupt):
        run_steps(request, killed)  # type: ignore[arg-type]
    assert asked == ["full", "fit"]
    before = attempts()
    assert before
    assert window_verdict(store, taught) is None
    verdict = run_steps(request, here).verdict
    after = attempts()
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)
    assert window_verdict(store, taught) == verdict


def test_the_gates_consent_holds_for_the_windows_that_it_saw(store: LocalStore, taught: ModelVersion) -> None:
    acento.judge_windows(taught, window_bound=0.99, num_requests=1)
    request = BenchmarkRequest(models=[taught.id], datasets=["small"], num_requests=1)
    question = windows.fix_question(store, WindowsRequest(model=taught.title))
    run = run_benchmark(store, request).run
    gate = judge(store, run, question, incumbent=resolve(taught.id), candidate=resolve(taught.id)).model_copy(
        update={"passed": True}
    )
    report = report_of(store, taught, run, question, gate)
    assert report.short
    assert report.windows is not None
    publish_report(store, taught, report)
    acento.judge_windows(taught, window_bound=0.0, num_requests=1)
    last = latest_report(store, taught)
    assert last is not None
    assert (last.report.gate, last.report.short) == (gate, True)
    assert last.report.windows == window_verdict(store, taught)
    with pytest.raises(InputError, match=r"judged mini-santiago@.* with short windows, and since .* with full ones"):
        promote(store, taught)
    acento.judge_windows(taught, window_bound=0.99, num_requests=1)
    assert not promote(store, taught).forced
