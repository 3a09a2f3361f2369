"""What a job needs of a store and what it leaves there: so that both can be carried to a machine elsewhere and back."""

from dataclasses import dataclass

from acento.core.store import Store
from acento.inference.plan import load_part
from acento.inference.predictions import attempts
from acento.jobs.job import Job
from acento.models.checkpoints.converted import conversions
from acento.registry.versions import registered_keys
from acento.training.job import state


@dataclass(frozen=True, slots=True)
class Carried:
    """Keys of artifacts, and of small files."""

    artifacts: tuple[str, ...]
    files: tuple[str, ...] = ()

    def __add__(self, other: "Carried") -> "Carried":
        """Return both, each key once.

        >>> Carried(("a", "b")) + Carried(("b", "c"), ("d",))
        Carried(artifacts=('a', 'b', 'c'), files=('d',))
        """
        return Carried(
            tuple(dict.fromkeys(self.artifacts + other.artifacts)), tuple(dict.fromkeys(self.files + other.files))
        )


def inputs(store: Store, job: Job) -> Carried:
    """Return what a job needs: its plan and data, its model where that is the store's, and what was done of it before.

    Of a diarization that is its recording and those of enrolled voices.

    Raises:
        StoreError: the plan or a model version is not in the store.
    """
    if job.kind == "finetune":
        return Carried((job.train, job.dev)) + _model(store, job.base.id) + outputs(store, job)
    if job.kind == "diarize":
        return Carried((job.recording, *(voice.recording for voice in job.voices))) + outputs(store, job)
    parts = sorted({clip.data_part for clip in load_part(store, job.plan, job.part).clips})
    return Carried((job.plan, *parts)) + _model(store, job.model.id) + outputs(store, job)


def outputs(store: Store, job: Job) -> Carried:
    """Return what there is of a job: attempts with their measurements; checkpoints, the result and the model version.

    A lease on a training is not among them: it speaks of a process, and not of work.
    """
    if job.kind == "finetune":
        result = state(store, job)
        model = () if result is None or result.version is None else (f"models/{result.name}/{result.version}/model",)
        return Carried((*store.list(job.key), *model))
    if job.kind == "diarize":
        return Carried(() if store.find(job.turns_key) is None else (job.turns_key,))
    done = attempts(store, job.key)
    notes = (artifact.info.get("measurement") for key in done if (artifact := store.find(key)) is not None)
    measurements = tuple(note for note in notes if note is not None and store.read_file(note) is not None)
    repeat = (job.note,) if job.repeat and store.read_file(job.note) is not None else ()
    return Carried(tuple(done), (*measurements, *repeat))


def _model(store: Store, name: str) -> Carried:
    """Return the artifacts of a model that the store keeps: a version of the registry, an export, a conversion."""
    return Carried(registered_keys(store, name) + conversions(store, name))
