"""A process that shares the steps of a training on several devices: ``python -m acento.training.follow``.

Rank 0 starts it, and writes into its input where the store is, the job, and which rank it is. It loads the base model,
writes ``ready``, goes to the state that rank 0 is at, and makes step after step until it is ended.
"""

import json
import os
import sys
import threading
from pathlib import Path

from acento.core.errors import AcentoError
from acento.core.store import open_store
from acento.training.devices import READY
from acento.training.finetune import load_base
from acento.training.job import FinetuneJob
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.evaluate import clips_of
from acento.training.loop.loop import Loop
from acento.training.loop.ranks import Ranks
from acento.training.loop.state import Hooks, TrainingState


def main() -> None:
    """Do what rank 0 asks for; what ends this process too early is its last line of errors."""
    spec = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_rank_0, daemon=True).start()
    try:
        follow(spec["store"], FinetuneJob.model_validate(spec["job"]), spec["rank"], Path(spec["folder"]))
    except AcentoError as error:
        print(error, file=sys.stderr)  # noqa: T201 - rank 0 reads it
        sys.exit(1)


def follow(url: str, job: FinetuneJob, rank: int, folder: Path) -> None:
    """Share a job's steps, from wherever rank 0 is, to the last one."""
    store, ranks = open_store(url), Ranks(rank, job.devices)
    clips = clips_of(store, job)
    trainable = load_base(job, clips)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads the output from here on
    with ranks.joined(folder, job.options.device_type):
        reached = TrainingState.from_json(ranks.told(""))
        loop = Loop(job, trainable, clips, Checkpoints(store, job.key), Hooks(), ranks)
        loop.restore(reached)
        loop.follow(reached)


def _end_with_rank_0() -> None:
    """End this process when rank 0's has ended, however that was."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
