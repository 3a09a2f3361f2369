"""A store of this machine, carried to a Modal volume for as long as jobs need it there, and what they leave, back.

What was uploaded is deleted afterwards, also when the work failed. Only a process that is killed leaves it; then the
next upload from anywhere deletes it when it is older than any work can be.
"""

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress

import modal
from modal.exception import NotFoundError
from modal.types import FileEntryType
from prefect_modal_worker.machine import DAY_S

from acento.core.errors import AcentoError, TransientError
from acento.core.store import Store
from acento.core.store.objects import FILES, ObjectStore
from acento.core.store.transfer import copy_artifacts
from acento.jobs.carried import Carried, inputs, outputs
from acento.jobs.job import Job
from infra.modal.store import SCHEME, open_volume, retried

VOLUME, FOLDER = "acento-datasets", "uploads"
"""Where uploads are, each in a folder of its own that is named for when it was made."""

_OLD_S = 2 * DAY_S


class Upload:
    """What some jobs need, in a volume, while the block runs."""

    def __init__(self, store: Store, jobs: Sequence[Job]) -> None:
        self._home, self._jobs = store, jobs
        self._prefix = f"{FOLDER}/{int(time.time())}-{uuid.uuid4().hex}"
        self._brought: set[str] = set()
        self.store: ObjectStore = open_volume(f"{SCHEME}{VOLUME}/{self._prefix}")
        """The store that the jobs' containers are to use."""

    def __enter__(self) -> "Upload":
        """Upload.

        Raises:
            StoreError: something that a job needs is not in the store here.
            TransientError: Modal does not answer.
        """
        _sweep()
        try:
            needed = sum((inputs(self._home, job) for job in self._jobs), Carried(()))
            copy_artifacts(self._home, self.store, needed.artifacts, needed.files)
        except BaseException:
            self._delete()
            raise
        return self

    def bring(self, job: Job) -> None:
        """Bring home what there is of a job, every byte's checksum verified."""
        self.store.refresh()
        left = outputs(self.store, job)
        copy_artifacts(self.store, self._home, left.artifacts, left.files)
        if job.kind == "finetune" and left.artifacts:
            for key in [*self._home.list(f"{job.key}/checkpoints")]:
                if key not in left.artifacts:  # the training has gone on from it
                    self._home.remove(key)
        self._brought.add(job.key)

    def __exit__(self, *_: object) -> None:
        """Bring home what was not yet, such as the checkpoint of a training that was called off; delete the upload.

        Raises:
            TransientError: the upload could not be deleted; the sentence says how to do it by hand.
        """
        try:
            for job in self._jobs:
                if job.key not in self._brought:
                    self.bring(job)
        finally:
            self._delete()

    def _delete(self) -> None:
        try:
            self.store.objects.delete([each.key for each in self.store.walk() if f"/{FILES}/" not in each.key])
            retried("delete it", lambda: _remove(self._prefix))
        except AcentoError as error:
            raise TransientError(
                f"What was uploaded to Modal could not be deleted ({error}); delete it by: "
                f"modal volume rm -r {VOLUME} {self._prefix}"
            ) from error


def _sweep() -> None:
    """Delete uploads of processes that were killed."""
    try:
        found = _volume().listdir(FOLDER, recursive=True)
    except (NotFoundError, FileNotFoundError):
        return
    # a list may have folders in it or files alone
    names = {entry.path.strip("/").removeprefix(f"{FOLDER}/").partition("/")[0] for entry in found}
    for name in sorted(names):
        made = name.partition("-")[0]
        if made.isdigit() and time.time() - int(made) > _OLD_S:
            _remove(f"{FOLDER}/{name}")


def _remove(folder: str) -> None:
    """Remove a folder with all that is in it; a volume that knows files alone is asked to remove each of them."""
    gone = suppress(NotFoundError, FileNotFoundError)
    volume = _volume()
    with gone:
        volume.remove_file(folder, recursive=True)
    with gone:
        for entry in volume.listdir(folder, recursive=True):
            with gone:
                if entry.type == FileEntryType.FILE:
                    volume.remove_file(entry.path)


def _volume() -> modal.Volume:
    return modal.Volume.from_name(VOLUME, create_if_missing=True, version=2)
