"""``kill -9`` at every write of the store during a fine-tuning: run again, bit-equal weights and the same version."""

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from faults import killed_at_every_write, tree
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.store import LocalStore
from acento.jobs.finetune import finetune
from acento.registry.versions import find_version, versions
from acento.training.job import FinetuneJob, state
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.state import HISTORY, read_history

torch.set_num_threads(1)
Made = tuple[FinetuneJob, Callable[[], Path], Callable[[Path], object]]


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a job, how to make a store with its data, and how to train it there."""
    monkeypatch.setattr("acento.jobs.finetune.draw", lambda _history, path, **_: path.write_bytes(b"a picture"))
    monkeypatch.setattr("acento.core.provenance.code_version", lambda: "the code")  # asks git, once for each trial
    prepared = tmp_path / "prepared"
    store = LocalStore(prepared)
    model = make_whisper(tmp_path / "model", window_s=2)
    job = training_job(
        store, training_set(store, tmp_path / "clips"), model, eval_every=1, checkpoint_every=1, dropout=0.1
    )

    def make_root() -> Path:
        return shutil.copytree(prepared, tmp_path / f"store{len(list(tmp_path.iterdir()))}")

    return job, make_root, lambda root: finetune(LocalStore(root), job)


def outcome(root: Path, job: FinetuneJob) -> object:
    """Return all of a training that may not depend on the clock."""
    store = LocalStore(root)
    version = find_version(store, job.name)
    result = state(store, job)
    assert result is not None
    files = {
        name: digest
        for name, digest in tree(root / version.key).items()
        if not name.endswith((".jsonl", "_complete.json"))
    }
    rows = read_history(store.local_path(version.key, HISTORY))
    for row in rows:
        row.pop("seconds", None)
        row.pop("keep_seconds", None)
    return files, rows, result, Checkpoints(store, job.key).steps(), len(versions(store))


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_it_ends_as_one_that_never_was(training: Made) -> None:
    job, make_root, run = training
    straight = make_root()
    run(straight)
    expected = outcome(straight, job)
    trials = 0
    for where, root in killed_at_every_write(run, make_root):
        assert outcome(root, job) == expected, where
        trials += 1
        shutil.rmtree(root)
    assert trials > 60


SCRIPT = """
import sys
from pathlib import Path

import torch
from acento.core.callbacks import Callbacks
from acento.core.store import LocalStore
from acento.jobs.finetune import finetune
from acento.training.job import FinetuneJob

torch.set_num_threads(1)
job = FinetuneJob.model_validate_json(open(sys.argv[2]).read())
callbacks = Callbacks(on_metrics=lambda row: print(row["step"], flush=True))
finetune(LocalStore(Path(sys.argv[1])), job, callbacks=callbacks)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "windows",
    [{}, {"window": "fit", "keep_full": 0.3}, {"window": "fit", "keep_full": 0.3, "objective": "distill"}],
    ids=["full", "fit", "distill"],
)
def test_a_process_that_is_killed_is_taken_over_by_the_next_one(
    tmp_path: Path, training: Made, windows: dict[str, object]
) -> None:
    short, make_root, _ = training
    recipe = short.recipe.with_values(max_steps=60, checkpoint_every=5, epochs=40, eval_every=10, **windows)
    job = short.model_copy(update={"recipe": recipe})
    straight, killed = make_root(), make_root()
    finetune(LocalStore(straight), job)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(killed), str(tmp_path / "job.json")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 13:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = Checkpoints(LocalStore(killed), job.key).latest()
    assert reached is not None
    assert 10 <= reached.step < 60
    finetune(LocalStore(killed), job)
    assert outcome(killed, job) == outcome(straight, job)
