"""Short windows in processes of their own: the texts are those of one process."""

import os
from pathlib import Path

import pytest
import torch
from servers import wait_until
from staged import staged
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.inference.benchmark import Transcription, clock, jobs, plan_transcription, predictions
from acento.inference.predictions import digest
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.windows import Fit
from infra.compute import InlineCompute
from tests.infra.dispatch.dispatching import carry_out, errors, phases
from tests.infra.dispatch.local_engine import engine

pytestmark = [pytest.mark.usefixtures("quick_and_fake"), pytest.mark.slow]


def planned(tmp_path: Path, name: str) -> tuple[LocalStore, Transcription]:
    store = LocalStore(tmp_path / name)
    card = staged(store, tmp_path / "clips", 8)
    model = resolve(str(tmp_path / "whisper"))
    options = DecodeOptions(language="es", fit=Fit(margin_s=0.5, shortest_s=0.5))
    return store, plan_transcription(store, card, model, split="test", options=options, batch_size=2)


def test_two_processes_write_in_short_windows_what_one_writes(tmp_path: Path) -> None:
    torch.set_num_threads(1)  # children are forked: none of torch's threads may be at work
    make_whisper(tmp_path / "whisper")
    store, what = planned(tmp_path, "store")
    with engine(lambda: LocalStore(store.root)) as local:
        outcomes = carry_out(store, jobs(store, what), local, 2)
        wait_until(lambda: phases(local) == ["ended", "ended"], "the end of their processes", 30)
    assert errors(outcomes) == []
    alone, same = planned(tmp_path, "alone")
    list(InlineCompute(alone).run(jobs(alone, same), workers=1))
    assert digest(predictions(store, what)) == digest(predictions(alone, same))
    measured = clock(store, what)
    assert os.getpid() not in {one.pid for one in measured}
    assert {one.options.window_title for one in measured} == {"clip + 0.5 s"}
    assert sum(one.runaways for one in measured) == sum(one.runaways for one in clock(alone, same))
