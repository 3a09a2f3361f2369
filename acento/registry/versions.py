"""Model versions: immutable, named by what they hold, each with what is known of how it came to be.

``models/NAME/VERSION/model`` holds a checkpoint's files, its recipe and how it learned. The version is made of the
bytes that decide what the model writes, of its recipe and of its data: the same training twice is the same version.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

from pydantic import BaseModel, ConfigDict, ValidationError

from acento.core.errors import DamagedError, InputError, ModelError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.store import Artifact, Store
from acento.core.store.base import MARKER
from acento.inference.predictions import Prediction
from acento.inference.transcriber import LoadedModel, Recording, load_model
from acento.models.checkpoints.checkpoint import checkpoint_files
from acento.models.checkpoints.references import REGISTRY, check_name, is_name

RECIPE, HISTORY, CURVE = "recipe.json", "history.jsonl", "curve.png"
"""What lies beside a checkpoint's own files, where the training left it: what was asked, and how it went."""
CARD = "README.md"
"""The model card, in the format of the Hugging Face hub."""
LATEST = "latest"

_DIGITS = 12
_LIKE_A_VERSION = re.compile(r"[0-9a-f]+")
_SHOWN = 8


class ModelAbout(BaseModel):
    """Where a model version comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A whole version in the store."""

    name: str
    version: str
    """12 hexadecimal digits."""
    key: str
    """The artifact that holds its files."""
    about: ModelAbout
    store: Store | None = field(default=None, repr=False, compare=False)
    """Where it is kept; None while it is being made."""

    @property
    def path(self) -> Path:
        """The folder of its files on this machine, which ``transformers`` can load."""
        return self._kept.local_folder(self.key)

    @property
    def card(self) -> str:
        """Its newest model card, Markdown."""
        from acento.registry.card.report import card_path  # it imports this module

        return Path(card_path(self._kept, self)).read_text(encoding="utf-8")

    @overload
    def transcribe(self, recordings: Recording) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def transcribe(self, recordings: Sequence[Recording]) -> list[Prediction]: ...

    def transcribe(self, recordings: Recording | Sequence[Recording]) -> Prediction | list[Prediction]:
        """Transcribe recordings in the language that it was taught; it stays loaded for the next call.

        See :meth:`acento.inference.transcriber.LoadedModel.transcribe`, and :func:`load_model` for other devices.
        """
        return _loaded(self.id, self.about.language).transcribe(recordings)

    @property
    def _kept(self) -> Store:
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


class _Moved(Exception):  # noqa: N818 - no error: how a draft is left without becoming an artifact
    """The draft's files have gone into the artifact that bears their name."""


def publish_model(store: Store, about: ModelAbout, fill: Callable[[Path], None]) -> ModelVersion:
    """Publish a model version; the same files from the same data are the version that is there already.

    Args:
        store: where models are.
        about: where it comes from.
        fill: writes the checkpoint's files (and ``RECIPE``, ``HISTORY``, ``CURVE``) into an empty folder.

    Raises:
        InputError: the name cannot be a model's.
        ModelError: what was written is no checkpoint of a known family.
        StoreError: the store cannot be written.
    """
    from acento.registry.card.card import model_card
    from acento.registry.card.learned import rows

    check_name(about.name)
    folder = f"models/{about.name}"
    version = ""
    # the name is not known before the files are: they are written into a draft of the store, where there is room for
    # them and where what a kill leaves is swept away, and then renamed into that of the version
    with suppress(_Moved), store.publish(f"{folder}/unnamed/model") as written:
        fill(written.folder)
        checked = checkpoint_files(about.name, written.folder)
        counted = {name: sha256_file(written.folder / name) for name in [*checked, *_asked(written.folder)]}
        version = fingerprint({"files": counted, "data": about.dataset_fingerprint})[:_DIGITS]
        key = model_key(about.name, version)
        with store.publish(key) as draft:
            for path in written.folder.iterdir():
                if path.name != MARKER:  # of an artifact that the files were copied from
                    path.rename(draft.folder / path.name)
            history = draft.folder / HISTORY
            named = ModelVersion(about.name, version, key, about)
            card = model_card(
                named, rows(history.read_bytes()) if history.is_file() else [], curve=(draft.folder / CURVE).is_file()
            )
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= about.model_dump(mode="json")
        raise _Moved
    return find_version(store, f"{about.name}@{version}")


def model_key(name: str, version: str) -> str:
    """Return the store key of a version's files."""
    return f"models/{name}/{version}/model"


def export_key(version: ModelVersion, name: str) -> str:
    """Return the store key of an export, such as ``ctranslate2-int8``."""
    return f"{version.folder_key}/exports/{name}"


def model_names(store: Store) -> list[str]:
    """Return the names of all models in the registry, sorted."""
    return sorted({key.split("/")[1] for key in store.list("models")})


def versions(store: Store, name: str | None = None) -> list[ModelVersion]:
    """Return every whole version (of one model), the oldest first."""
    if name is not None:
        check_name(name)
    keys = (key for key in store.list("models" if name is None else f"models/{name}") if _is_model(key))
    found = [_version(store, artifact) for key in keys if (artifact := store.find(key)) is not None]
    return sorted(found, key=lambda one: (one.about.created, one.name, one.version))


def find_version(store: Store, reference: str) -> ModelVersion:
    """Return the version that ``NAME`` (its latest), ``NAME@VERSION``, ``NAME@START`` or ``NAME@ALIAS`` names.

    ``registry:`` may stand before it.

    Raises:
        ModelError: there is no such model, version or alias, or several versions begin so.
        DamagedError: it is there and not whole.
    """
    from acento.registry.aliases import aliases, pointed_at

    name, _, wanted = reference.removeprefix(REGISTRY).partition("@")
    known = versions(store, name) if is_name(name) else []
    if wanted and is_name(name):
        wanted = pointed_at(store, name, wanted) or wanted
    damaged = _damaged(store, name, wanted) if is_name(name) and wanted else None
    if damaged is not None:
        raise DamagedError(
            f"Model {name}@{damaged} in {store.url} is damaged or its removal was interrupted; train it again."
        )
    if not known:
        names = ", ".join(model_names(store)[:_SHOWN]) or "none yet: acento finetune"
        raise ModelError(f"There is no model {name!r} in the registry of {store.url} (there is: {names}).")
    if wanted in ("", LATEST):
        return known[-1]
    matching = [one for one in known if one.version.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    shown = ", ".join(one.version for one in known[-_SHOWN:])
    if matching:
        raise ModelError(f"{len(matching)} versions of model {name} begin with {wanted!r} ({shown}); write more of it.")
    called = ", ".join(aliases(store, name)) or "none"
    raise ModelError(f"Model {name} has no version or alias {wanted!r} (versions: {shown}; aliases: {called}).")


def load_version(reference: str) -> ModelVersion:
    """Return a version of the registry in the store of the settings; see :func:`find_version`."""
    from acento.core.settings import settings
    from acento.core.store import open_store

    return find_version(open_store(settings().store), reference)


@lru_cache(maxsize=1)
def _loaded(reference: str, language: str | None) -> LoadedModel:
    return load_model(reference, language=language)


def reads_as_version(text: str) -> bool:
    """Tell whether a text could be the beginning of a version, so that no alias may be called so."""
    return _LIKE_A_VERSION.fullmatch(text) is not None


def _is_model(key: str) -> bool:
    """Tell whether an artifact below ``models/`` is a version's files, and no report or export."""
    parts = key.split("/")
    return len(parts) == 4 and parts[3] == "model" and reads_as_version(parts[2])


def _asked(folder: Path) -> list[str]:
    return [RECIPE] if (folder / RECIPE).is_file() else []


def _damaged(store: Store, name: str, wanted: str) -> str | None:
    """Return a version's number if its marker is there and its files are not, or its marker cannot be read."""
    if not reads_as_version(wanted):
        return None
    for key in store.list(f"models/{name}"):
        if _is_model(key) and key.split("/")[2].startswith(wanted) and store.find(key) is None:
            return key.split("/")[2]
    return None


def _version(store: Store, artifact: Artifact) -> ModelVersion:
    _, name, version, _ = artifact.key.split("/")
    try:
        about = ModelAbout.model_validate(dict(artifact.info))
    except ValidationError as error:
        raise DamagedError(
            f"What {artifact.key} says of itself cannot be read ({error.errors()[0]['msg']})."
        ) from error
    return ModelVersion(name, version, artifact.key, about, store)
