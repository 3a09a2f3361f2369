"""How many workers are begun: few on a guess, more once it was measured what one does."""

from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FAKE, fake_model
from staged import staged

from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.inference import jobs as job_module
from acento.inference.benchmark import jobs, plan_transcription
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from infra.compute.dispatch.sizing import Pace, Sizer


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what tells how many of eight workers are wanted for an hour of audio, after what was measured."""
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    monkeypatch.setattr("acento.inference.plan.PART_SECONDS", 0.3)
    store = LocalStore(tmp_path / "store")
    card = load_card(store, staged(store, tmp_path / "clips", 12).name)
    model = resolve(str(fake_model(tmp_path / "model")))
    planned = jobs(store, plan_transcription(store, card, model, split="test", options=DecodeOptions()))
    todo = [job.model_copy(update={"seconds": 3600 / len(planned)}) for job in planned]
    sizer = Sizer()

    def ask(*, rtfx: float | None = None, start_s: float | None = None) -> int:
        pace = Pace(100.0)
        if start_s is not None:
            pace.see(100.0 + start_s, 30.0)
        if start_s is not None and rtfx is not None:
            pace.see(120.0 + start_s, 30.0 + 20 * rtfx)
        sizer.learn(todo, [Pace(100.0), pace])
        return sizer.wanted(todo, len(todo), 8, 0.0).workers

    return ask


def test_on_a_guess_it_is_one_and_more_when_one_was_measured_to_be_slow(wanted: Any) -> None:
    assert wanted() == 1
    assert wanted(rtfx=6.0, start_s=10.0) == 3  # 600 s of work, of which 5 % are three starts
    assert wanted(rtfx=0.5, start_s=10.0) == 3, "the first ones were faster: these take each other's cores away"
    assert wanted(start_s=2.0) > 3


def test_a_model_that_was_measured_to_be_quick_has_one_worker(wanted: Any) -> None:
    assert wanted(rtfx=200.0, start_s=10.0) == 1
