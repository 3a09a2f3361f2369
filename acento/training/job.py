"""A fine-tuning as a job: a small spec in, a model version in the registry out; safe to run twice, safe to kill."""

import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.core.store.coordination import Lease
from acento.core.store.upkeep.usage import Group, Live
from acento.core.text import Normalizer, normalizer
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.training.data.subsets import Subset
from acento.training.recipe import Recipe

TRAINING_VERSION = 1
"""Raised by hand whenever the same job may make other weights."""


Why = Literal["finished", "early stopping", "time limit", "stopped", "diverged"]
"""Why an execution of a training ended."""


class FinetuneJob(BaseModel, frozen=True):
    """One base model, prepared data and a recipe."""

    kind: Literal["finetune"] = "finetune"
    name: str
    """The model's name in the registry."""
    base: ModelSpec
    dataset: str
    """Name and version, such as ``demo@1``."""
    dataset_fingerprint: str
    train: str
    """The prepared train split's key in the store."""
    dev: str
    train_clips: int
    dev_clips: int
    left_out: int
    """Clips of both splits that cannot be learned from; the prepared splits say which and why."""
    language: str | None
    recipe: Recipe
    options: DecodeOptions
    minutes: float | None = None
    """Of one execution: then a checkpoint is left. It bounds the sitting and not the training, so it is no part of
    what the job is."""
    part: Subset | None = None
    """Use only some of the prepared clips; then the texts of the part's test clips, by the base and the tuned model,
    are what the training leaves, and no checkpoint. None: all."""
    devices: int = Field(1, ge=1)
    """GPUs of one machine that share each step, or processes on its CPU; sums of other numbers of them differ in the
    last digits, so it is part of what the job is, as threads are."""
    publish: bool = True
    """Whether the best weights become a model version. A search's trial leaves only its checkpoints and its dev WER;
    the same job with ``publish`` finds the training done, and publishes."""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"the training of {self.name} on {self.dataset}"

    @property
    def normalizer(self) -> Normalizer:
        """What makes texts comparable on dev and test."""
        return normalizer(self.recipe.normalizer)

    @property
    def fingerprint(self) -> str:
        """Name what is computed: the base's bytes, the prepared clips, the recipe, where and by which code.

        The registry's name is not part of it, nor whether there will be a version: under another name the same
        training is found, and not done again.
        """
        part: dict[str, Any] = {} if self.part is None else {"part": self.part.model_dump()}
        part |= {} if self.devices == 1 else {"devices": self.devices}
        return fingerprint(
            part
            | {
                "kind": self.kind,
                "version": TRAINING_VERSION,
                "base": self.base.digest,
                "family": self.base.family,
                "train": self.train,
                "dev": self.dev,
                "language": self.language,
                "recipe": self.recipe.model_dump(mode="json"),
                "options": self.options.model_dump(),
            }
        )

    @property
    def key(self) -> str:
        """The store's folder of this job."""
        return f"jobs/{self.fingerprint}"

    @property
    def result_key(self) -> str:
        """The artifact that says that the job is done."""
        return f"{self.key}/result/{self.name}" if self.publish else f"{self.key}/unpublished"


LATELY_S = 3600.0
"""Seconds after its last heartbeat during which a training on another machine counts as going on, by no exact clock."""


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Mark the trainings that are under way, for the garbage collector."""
    for key, group in groups.items():
        if group.kind == "jobs" and any("/lease/" in file for file in group.files):
            holder = Lease(store, f"{key}/lease", "").look()[1]
            lately = time.time() - group.newest < LATELY_S
            if holder is not None and not holder.gone and (holder.lives or lately):
                live.work.append(f"a training goes on ({key[:17]})")
                live.keys.add(key)


class FinetuneResult(BaseModel, frozen=True):
    """What executing a job came to; rates are fractions."""

    key: str
    """The job's folder in the store."""
    name: str
    done: bool
    """Nothing is left to do; False: the same job goes on from its last checkpoint."""
    why: Why
    sentence: str
    step: int
    """Optimizer steps so far."""
    steps: int
    """Optimizer steps in all."""
    best_step: int | None
    dev_wer_before: float | None
    dev_wer: float | None
    """The best after training; what is published."""
    version: str | None
    """Of the published model; None when there is none (yet)."""
    cached: bool

    @property
    def improved(self) -> bool:
        """Whether dev is better than before the training; True where nobody knows."""
        return self.dev_wer_before is None or self.dev_wer is None or self.dev_wer < self.dev_wer_before

    @property
    def came_near(self) -> bool:
        """Of a shortening: whether short windows differ from full ones less than before on dev, or not at all."""
        return self.improved or self.dev_wer == 0

    @property
    def model(self) -> str | None:
        """What the published model is called wherever a model is named."""
        return None if self.version is None else f"registry:{self.name}@{self.version}"


def state(store: Store, job: FinetuneJob) -> FinetuneResult | None:
    """Return the result of a job that is done, and whose model, if any, is still there; else None. No torch needed."""
    found = store.find(job.result_key)
    if found is None:
        return None
    result = FinetuneResult.model_validate(found.info["result"] | {"cached": True})
    if job.publish and store.find(f"models/{result.name}/{result.version}/model") is None:
        return None
    return result
