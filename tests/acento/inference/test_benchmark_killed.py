"""``kill -9`` at every write of the store during a benchmark: run again, the same texts and the same score."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_recognizer import FAKE, fake_model
from faults import killed_at_every_write, tree
from staged import staged

from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import jobs, plan_transcription, score_transcription
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.runs.records import begin, finish, runs, utc_now
from acento.requests import BenchmarkRequest
from infra.compute import InlineCompute


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[[], Path], Callable[[Path], object]]:
    """Return how to make a store with a staged data set, and a benchmark to run in it."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.6)  # several parts
    prepared = tmp_path / "prepared"
    staged(LocalStore(prepared), tmp_path / "clips", 6)
    model = fake_model(tmp_path / "model")

    def make_root() -> Path:
        root = tmp_path / f"store{len(list(tmp_path.iterdir()))}"
        return shutil.copytree(prepared, root)

    def run(root: Path) -> None:
        store = LocalStore(root)
        request = BenchmarkRequest(models=["fake"], datasets=["demo"])
        card, checkpoint = load_card(store, "demo"), resolve(str(model))
        what = plan_transcription(store, card, checkpoint, split="test", options=DecodeOptions())
        name = begin(store, request, {"demo": card.fingerprint}, "nightly", utc_now())
        for outcome in InlineCompute(store).run(jobs(store, what), workers=1):
            assert outcome.error is None
        finish(store, name, [(what, score_transcription(store, what, "basic"))], utc_now())

    return make_root, run


def results(root: Path) -> dict[str, str]:
    """Return the digests of all that may not depend on the clock."""
    names = ("plan.parquet", "predictions.parquet", "utterances.parquet", "score.json")
    return {name: digest for name, digest in tree(root).items() if name.endswith(names)}


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_it_ends_as_one_that_never_was(
    benchmark: tuple[Callable[[], Path], Callable[[Path], object]],
) -> None:
    make_root, run = benchmark
    straight = make_root()
    run(straight)
    expected = results(straight)
    assert len([name for name in expected if name.endswith("predictions.parquet")]) > 1
    trials = 0
    for where, root in killed_at_every_write(run, make_root):
        assert results(root) == expected, where
        (info,) = runs(LocalStore(root))
        assert info.finished, where
        trials += 1
        shutil.rmtree(root)
    assert trials > 40
