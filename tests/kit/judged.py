"""A small world to promote in: a base and a version of it, both benchmarked on a data set and a guard, and judged."""

import copy
import shutil
from pathlib import Path

import pytest
import torch
from benchmarked import benchmarked
from registered import registered
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.dataset import Card
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.checkpoints.resolver import resolve
from acento.registry.card.card import publish_report, report_of
from acento.registry.card.report import ModelReport
from acento.registry.gate.judging import ask, judge
from acento.registry.model_version import ModelVersion


class World:
    """A store in which a base and a version tuned from it were benchmarked on a data set and a guard."""

    def __init__(self, root: Path) -> None:
        torch.set_num_threads(1)
        self.store = LocalStore(root / "store")
        self.base = make_whisper(root / "base", seed=4)
        self.tuned = make_whisper(root / "tuned", seed=5)
        self.card: Card = staged_splits(self.store, root / "clips", train=1, dev=2, test=9)
        staged_splits(self.store, root / "guard", train=0, dev=0, test=6, name="guard")
        self.version = self.register(0)
        self.run = benchmarked(self.store, [str(self.base), self.version.id], ["small", "guard"])
        self.question = ask(
            self.store, "small", ["guard"], incumbent=str(self.base), against="the base model", language="es"
        )
        self.verdict = judge(
            self.store, self.run, self.question, incumbent=resolve(str(self.base)), candidate=resolve(self.version.id)
        )

    def register(self, seed: int) -> ModelVersion:
        return registered(
            self.store,
            self.tuned,
            seed,
            base=ModelSpec.of(resolve(str(self.base))).model_dump(),
            dataset=f"{self.card.name}@{self.card.version}",
            dataset_fingerprint=self.card.fingerprint,
        )

    def report(self, **changes: object) -> ModelReport:
        made = report_of(self.store, self.version, self.run, self.question, self.verdict)
        return made.model_copy(update=changes)

    def judged(self, version: ModelVersion, *, passed: bool, incumbent: str = "the base") -> None:
        """Publish a report in which the gate decided so."""
        gate = self.verdict.model_copy(update={"passed": passed, "sentences": ("A sentence with 12.3 points.",)})
        publish_report(self.store, version, self.report(model=version.id, gate=gate, incumbent=incumbent))

    def copied(self, folder: Path) -> "World":
        """Return the same world with a store of its own."""
        other = copy.copy(self)
        other.store = LocalStore(Path(shutil.copytree(self.store.root, folder)))
        return other


def made_world(root: Path) -> World:
    """Make a world; its store is that of the settings while it is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACENTO_STORE", str(root / "store"))
        settings.cache_clear()
        world = World(root)
    settings.cache_clear()
    return world
