"""A model version: immutable, named by what it holds, with what is known of how it came to be.

``models/NAME/VERSION/model`` holds a checkpoint's files, its recipe and how it learned. The version is made of the
bytes that decide what the model writes, of its recipe and of its data: the same training twice is the same version.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

from pydantic import BaseModel

from acento.core.arguments import checked
from acento.core.errors import InputError
from acento.core.plugins import CARD_PATH
from acento.core.plugins import load as load_plugin
from acento.core.store import Store, open_store
from acento.inference.predictions import Prediction
from acento.inference.transcriber import LoadedModel, Recording, load_checkpoint
from acento.models.checkpoints.checkpoint import in_artifact
from acento.models.checkpoints.references import REGISTRY
from acento.models.windows import Fit, WindowChoice
from acento.registry.windows import full_only, window_of
from acento.scoring.counting.headline import Headline, rate_title

RECIPE, HISTORY, CURVE = "recipe.json", "history.jsonl", "curve.png"
"""What lies beside a checkpoint's own files, where the training left it: what was asked, and how it went."""
CARD = "README.md"
"""The model card, in the format of the Hugging Face hub."""
LATEST = "latest"

_LIKE_A_VERSION = re.compile(r"[0-9a-f]+")


class ModelAbout(BaseModel, frozen=True, extra="forbid"):
    """Where a model version comes from."""

    name: str
    base: dict[str, Any]
    """The model it was tuned from, as ``ModelSpec`` says it: ``id``, ``revision``, ``digest``, ``family``."""
    dataset: str
    """Name and version, such as ``santiago@2``."""
    dataset_fingerprint: str
    recipe: dict[str, Any]
    job: str
    """The store's folder of the training; empty where there was none."""
    strategy: str
    created: str
    """ISO 8601, with its zone."""
    provenance: dict[str, Any]
    dev_wer_before: float | None
    """Of the base on the dev split, a fraction."""
    dev_wer: float | None
    language: str | None = None
    """What the model is told to write, such as ``es``."""
    base_license: str | None = None
    """As the base's own model card names it, such as ``apache-2.0``; None: it is not known."""
    data_license: str | None = None
    """As the data set's source names it; None: it is not known."""
    parent: str | None = None
    """The version whose weights this one lies between, and the base's; None for one that a training left."""
    normalizer: str | None = None
    """Of the rates on dev, name and version; None in a version of before it was kept: the recipe has the name."""
    headline: Headline = "word"
    """``character``: the rates on dev are CER."""
    window: Fit | None = None
    """What short windows it was taught; None: it was shown its own window only, or takes any length."""

    @property
    def shortened(self) -> bool:
        """Whether it was taught short windows by itself alone, and the rates on dev are against its base's texts."""
        return self.recipe.get("objective") == "distill"

    @property
    def dev_normalizer(self) -> str:
        """The normalizer of the rates on dev, by its name."""
        return str(self.recipe.get("normalizer", "chilean-leaderboard"))

    @property
    def rate_title(self) -> str:
        """What the rates on dev are, such as ``WER (spanish-1)``."""
        return rate_title(self.headline, self.normalizer or self.dev_normalizer)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A whole version in the store."""

    name: str
    version: str
    """12 hexadecimal digits."""
    key: str
    """The artifact that holds its files."""
    about: ModelAbout = field(repr=False)
    store: Store | None = field(default=None, repr=False, compare=False)
    """Where it is kept; None while it is being made."""

    @property
    def path(self) -> Path:
        """The folder of its files on this machine, which ``transformers`` can load."""
        return self.kept.local_folder(self.key)

    @property
    def card(self) -> str:
        """Its newest model card, Markdown."""
        return Path(load_plugin(CARD_PATH)(self.kept, self)).read_text(encoding="utf-8")

    @overload
    def transcribe(self, recordings: Recording, *, window: WindowChoice = "auto") -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def transcribe(self, recordings: Sequence[Recording], *, window: WindowChoice = "auto") -> list[Prediction]: ...

    def transcribe(
        self, recordings: Recording | Sequence[Recording], *, window: WindowChoice = "auto"
    ) -> Prediction | list[Prediction]:
        """Transcribe recordings in the language that it was taught; it stays loaded for the next call.

        See :meth:`acento.inference.transcriber.LoadedModel.transcribe`, and ``load_model`` for ``window`` and for other
        devices.
        """
        checked("window", WindowChoice, window)
        refused, about = full_only(self.kept, self), self.about
        return _loaded(self.kept.url, self.id, self.key, about.language, window, refused).transcribe(recordings)

    @property
    def window(self) -> Fit | None:
        """The short windows that it is used with, as it was taught; None where it has full ones only."""
        return window_of(self)

    @property
    def kept(self) -> Store:
        """The store that it is in; raise InputError while it is being made."""
        if self.store is None:
            raise InputError(f"Model {self.title} is not in a store yet.")
        return self.store

    @property
    def id(self) -> str:
        """What a benchmark calls it: ``registry:NAME@VERSION``."""
        return f"{REGISTRY}{self.name}@{self.version}"

    @property
    def title(self) -> str:
        """What a person calls it: ``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @property
    def folder_key(self) -> str:
        """The folder of all that belongs to it: model, reports, exports."""
        return self.key.rpartition("/")[0]


@lru_cache(maxsize=1)
def _loaded(
    store: str, name: str, key: str, language: str | None, window: WindowChoice, full_only: bool
) -> LoadedModel:
    checkpoint = replace(in_artifact(open_store(store), name, key), full_only=full_only)
    return load_checkpoint(checkpoint, language=language, window=window)


def export_key(version: ModelVersion, name: str) -> str:
    """Return the store key of an export, such as ``ctranslate2-int8``."""
    return f"{version.folder_key}/exports/{name}"


def reads_as_version(text: str) -> bool:
    """Tell whether a text could be the beginning of a version, so that no alias may be called so."""
    return _LIKE_A_VERSION.fullmatch(text) is not None
