"""What is imported by name at first use, so that a layer need not import those above it, and a package costs nothing.

Who adds a family, a source of models, a kind of job or an owner of files adds one line here.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

FAMILIES = (
    "acento.families.whisper",
    "acento.families.ctc",
    "acento.families.moonshine",
    "acento.families.parakeet",
    "acento.families.canary",
    "acento.families.voxtral",
    "acento.families.nemo",
    "acento.families.generic",
)
"""Modules with a tuple ``FAMILIES``, in the order in which they are asked whether a model is theirs."""

MODEL_SOURCES = {"registry:": "acento.registry.versions:checkpoint"}
"""By prefix of a model's name: a function of the whole name that returns its ``Checkpoint``."""

CARD_PATH = "acento.registry.card.report:card_path"
"""A function of a store and a model version: the path of the version's newest model card."""

LONG = "acento.transcription.long:transcribe_long"
"""A function of a recognizer, its options, a batch size and a path: the prediction of a recording of any length."""

EXECUTORS = {
    "transcribe": "acento.inference.transcribe:transcribe",
    "finetune": "acento.jobs.finetune:execute",
    "diarize": "acento.diarization.execute:execute",
}
"""By kind of job: a function of a runner, a job and a worker that returns the job's result."""
STORE_OWNERS = {
    "datasets": "acento.data.dataset:mark_live",
    "measures": "acento.validation.measure:mark_live",
    "verdicts": "acento.validation.verdict:mark_live",
    "runs": "acento.registry.runs.records:mark_live",
    "indexes": "acento.registry.runs.index:mark_live",
    "jobs": "acento.training.job:mark_live",
    "removals": "acento.data.staging.removal:mark_live",
    "batches": "acento.transcription.batch:mark_live",
    "drafts": "acento.transcription.drafts.draft:mark_live",
}
"""By folder of the store: a function of the store, everything in it by its group's key, and ``Live`` (see
:mod:`acento.core.store.upkeep.usage`), to which it adds what the files refer to and what of their work is under way.
It may raise ``StoreError`` where nobody could say what is needed."""


def load(target: str) -> Any:
    """Return what ``module:name`` names."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def lazy(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``, which import names when they are first asked for (PEP 562).

    Args:
        package: its name.
        homes: for each public name the module that defines it; a module's own name stands for the module.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(homes[name])
        value = home if homes[name] == f"{package}.{name}" else getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *homes})
