"""From what a user names (a folder, a hub id, a shipped model, one of the registry) to a checkpoint on disk.

Its identity is its content: the bytes of every file that loading may read.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from acento.core.errors import ModelError, StoreError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.settings import settings
from acento.core.store.base import MARKER, Store
from acento.families.whisper.generation import is_derived
from acento.models.checkpoints.downloads import HUB_FILES, HUB_PICKLES, HUB_SMALL, download
from acento.models.checkpoints.parts import lacking
from acento.models.checkpoints.references import REGISTRY, SHIPPED, TRANSFORMERS, parse
from acento.models.checkpoints.weights import (
    ADAPTER,
    NEMO_SUFFIX,
    OPENAI_SUFFIX,
    Kinds,
    is_adapter,
    is_pickled,
    kinds_in,
)
from acento.models.family import FAMILIES, WHISPER, Family, family_of

_SHIPPED_FOLDER = Path(__file__).parents[2] / "assets" / "models"
_NOT_LOADED = frozenset({MARKER, "recipe.json", "history.jsonl", "curve.png"})
"""What may lie beside a checkpoint and says how it came to be: no text depends on it."""
_FILLED = ("tokenizer.json", "vocab.json", "preprocessor_config.json", "processor_config.json")
"""JSON objects that libraries replace by defaults where they are empty."""
_OBJECTS = (*_FILLED, "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model that can be loaded."""

    id: str
    """As the user named it."""
    revision: str | None
    """The hub's commit, or None for a folder."""
    folder: Path
    digest: str
    """Names the content: the hub's id and commit, or the bytes of every file of the folder."""
    family: Family


def resolve(name: str, revision: str | None = None) -> Checkpoint:
    """Find a model by folder, file, ``demo:NAME``, ``registry:NAME@VERSION``, or hub id (with ``@REVISION``).

    After another colon a name may say what reads the model: ``openai/whisper-small:ctranslate2-int8`` is converted on
    first use and kept in the store; ``FOLDER:nemo`` and ``FOLDER:transformers`` choose where both are in a folder; a
    family's name (``FOLDER:whisper``) is believed whatever the config says. A model of the hub is downloaded if need
    be; one of the registry is looked for in the store of the settings.

    Raises:
        ModelError: there is no such model or revision, access to it is refused, it lacks weights or a config, or has
            nothing but pickled weights and is not trusted.
        DamagedError: it is a version of the registry whose files are not those that were published.
        TransientError: the hub does not answer and no copy is here.
    """
    asked = parse(name)
    if asked.quantization is not None:
        from acento.models.conversion.converted import for_ctranslate2

        return for_ctranslate2(name, resolve(asked.base, revision), asked.quantization)
    base = asked.base
    if base.startswith(SHIPPED):
        return _in_folder(name, _demo_folder(base), asked.reader)
    if base.startswith(REGISTRY):
        return _in_registry(base)
    path = Path(base).expanduser()
    if path.is_dir():
        return _in_folder(name, path, asked.reader)
    if path.exists():
        return _in_file(name, path)
    owner, _, tag = base.partition("@")
    if not _looks_like_hub_id(owner):
        raise ModelError(
            f"There is no model folder {base}; name a folder, a .nemo file, a Hugging Face id such as "
            f"openai/whisper-small, or a shipped model ({', '.join(shipped())})."
        )
    return _from_hub(owner, revision or tag or None, asked.reader)


def _demo_folder(base: str) -> Path:
    """Return the folder of ``demo:NAME``: one that comes with Acento, or published weights that are fetched."""
    from acento.data.demo.real.weights import HF, WEIGHTS, fetch_weights

    name = base.removeprefix(SHIPPED)
    if name in WEIGHTS:
        return fetch_weights(name) / HF
    folder = _SHIPPED_FOLDER / name
    if not name or not folder.exists():
        there = ", ".join([*shipped(), *(f"{SHIPPED}{one}" for one in WEIGHTS)])
        raise ModelError(f"There is no model {base!r}; there is {there}.")
    return folder


def shipped() -> list[str]:
    """Return the names of the models that come with Acento."""
    if not _SHIPPED_FOLDER.is_dir():
        return []
    return sorted(
        SHIPPED + path.name
        for path in _SHIPPED_FOLDER.iterdir()
        if (path / "config.json").is_file() or any(path.glob(f"*{NEMO_SUFFIX}"))
    )


def seen_here(name: str) -> tuple[Path, Family] | None:
    """Return the folder and the family of a model of this machine, no file hashed or converted; None of any other.

    Raises:
        ModelError: the name can be none, there is no such folder, or it is no checkpoint of a known family.
    """
    base = parse(name).base
    if base.startswith(REGISTRY):
        return None
    folder = Path(base).expanduser()
    if base.startswith(SHIPPED):
        from acento.data.demo.real.weights import WEIGHTS

        if base.removeprefix(SHIPPED) in WEIGHTS:
            return None  # it may have to be fetched
        folder = _demo_folder(base)
    if folder.is_dir():
        reader = parse(name).reader if parse(name).quantization is None else None
        derived = _only_pickled(kinds_in(name, folder)) or is_adapter(folder)
        return None if derived else (folder, _check(name, folder, reader))
    if not folder.exists() and not _looks_like_hub_id(base.partition("@")[0]):
        resolve(base)  # it says what there is
    return None


def may_be_fetched(name: str) -> bool:
    """Tell whether a name is of a model that comes with Acento, of the registry, or may be one of the hub."""
    base = parse(name).base
    return base.startswith((SHIPPED, REGISTRY)) or _looks_like_hub_id(base.partition("@")[0])


def _looks_like_hub_id(name: str) -> bool:
    """Tell whether a name is of the form ``owner/model``."""
    parts = name.split("/")
    return len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts)


def checkpoint_files(name: str, folder: Path, reader: str | None = None) -> list[str]:
    """Return the names of the files of a folder that loading may read, after seeing that it is a checkpoint.

    Raises:
        ModelError: it is none of a known family; ``name`` is what the sentence calls it.
    """
    family = _check(name, folder, reader)
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix != ".md"
        and not path.name.startswith(".")
        and path.name not in _NOT_LOADED
        and not is_pickled(path.name)
        and (path.suffix == family.archive if family.archive else path.suffix != NEMO_SUFFIX)
    )


def _in_folder(name: str, folder: Path, reader: str | None = None) -> Checkpoint:
    """Describe the checkpoint in a folder; its digest covers the bytes of every file that loading may read."""
    if _only_pickled(kinds_in(name, folder)):
        digest = fingerprint({one: sha256_file(folder / one) for one in _all(folder)})
        return _whole(_unpickled(name, None, folder, digest))
    if is_adapter(folder):
        digest = fingerprint({file: sha256_file(folder / file) for file in ADAPTER if (folder / file).is_file()})
        return _merged(name, None, folder, digest)
    files = checkpoint_files(name, folder, reader)
    digest = fingerprint({file: sha256_file(folder / file) for file in files})
    return _whole(Checkpoint(name, None, folder.absolute(), digest, _check(name, folder, reader)))


def _in_file(name: str, path: Path) -> Checkpoint:
    """Describe a model that is one file."""
    if path.suffix == OPENAI_SUFFIX:
        from acento.families.whisper.openai import from_file

        return from_file(name, path)
    family = next((one for one in FAMILIES.values() if one.archive == path.suffix), None)
    if family is None:
        raise ModelError(f"Model {name} is a file; name the folder that holds its config.json and weights.")
    _inspect(path)
    return Checkpoint(name, None, path.absolute(), fingerprint({"file": sha256_file(path)}), family)


def _in_registry(name: str) -> Checkpoint:
    """Describe a version of the registry, or after another colon an export of it (``:ctranslate2-int8``).

    Its id names the version, whatever alias was asked for.
    """
    from acento.core.store import open_store
    from acento.registry.export.exporting import export_key
    from acento.registry.versions import find_version

    store = open_store(settings().store)
    reference, _, export = name.removeprefix(REGISTRY).partition(":")
    version = find_version(store, reference)
    if not export:
        return in_artifact(store, version.id, version.key)
    key = export_key(version, export)
    if store.find(key) is None:
        there = ", ".join(one.rpartition("/")[2] for one in store.list(f"{version.folder_key}/exports")) or "none"
        raise ModelError(
            f"Model {version.title} has no whole export {export!r} (there is: {there}): acento models export."
        )
    return in_artifact(store, f"{version.id}:{export}", key)


def in_artifact(store: Store, name: str, key: str) -> Checkpoint:
    """Describe the checkpoint that is an artifact of the store, every byte of it verified.

    Raises:
        StoreError: there is no such artifact, or its bytes are not those that were published.
    """
    artifact = store.find(key)
    if artifact is None:
        raise StoreError(f"{key} is not in the store {store.url}.")
    folder = store.local_folder(key)
    files = checkpoint_files(name, folder)
    digest = fingerprint({file: artifact.files[file].sha256 for file in files})
    return Checkpoint(name, None, folder, digest, _check(name, folder))


def find_small_files(name: str) -> Path:
    """Return a folder with a model's files but for its weights, which are not downloaded for it.

    Raises:
        ModelError: there is no such model, or access to it is refused.
        TransientError: the hub does not answer and no copy is here.
    """
    base = parse(name).base
    path = Path(base).expanduser()
    if path.is_dir():
        return path
    owner, _, tag = base.partition("@")
    if base.startswith((SHIPPED, REGISTRY)) or not _looks_like_hub_id(owner):
        return resolve(base).folder
    return download(owner, tag or None, HUB_SMALL)


def _merged(name: str, revision: str | None, folder: Path, digest: str) -> Checkpoint:
    """Return the base of a LoRA adapter with the adapter's weights added to its own."""
    from acento.models.checkpoints.adapters import merged

    return merged(name, revision, folder, digest)


def _whole(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with what it lacks taken from its base, where it lacks anything.

    What a Whisper is told is part of its content. Where it has no file that says it, the identity says that it was
    derived, so that texts of before it was are not taken for its own.
    """
    if lacking(checkpoint.family.name, checkpoint.folder):
        from acento.models.checkpoints.completed import completed

        return completed(checkpoint)
    if checkpoint.family.name == WHISPER and is_derived(checkpoint.folder):
        return replace(checkpoint, digest=fingerprint([checkpoint.digest, "generation config derived"]))
    return checkpoint


def _unpickled(name: str, revision: str | None, folder: Path, digest: str) -> Checkpoint:
    """Return a checkpoint that has pickled weights only, as safetensors; refused where it is not trusted by name."""
    from acento.models.conversion.converted import unpickled

    return unpickled(name, revision, folder, digest)


def _all(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".md")


def _only_pickled(kinds: Kinds) -> bool:
    return kinds.pickled is not None and not kinds.rivals


def _check(name: str, folder: Path, reader: str | None = None) -> Family:
    """Return the family, after seeing that the files a model needs are there."""
    kinds = kinds_in(name, folder)
    chosen = FAMILIES.get(reader or "")
    archived = chosen is not None and chosen.archive is not None
    if len(kinds.rivals) > 1 and not (kinds.nemo and (archived or reader == TRANSFORMERS)):
        raise ModelError(
            f"Model folder {name} holds weights of more than one kind ({', '.join(kinds.rivals)}); keep one of them"
            + (f", or say which after a colon ({name}:nemo or {name}:{TRANSFORMERS})." if kinds.nemo else ".")
        )
    if kinds.nemo is not None and (archived or (reader is None and len(kinds.rivals) == 1)):
        _inspect(folder / kinds.nemo)
        return next(family for family in FAMILIES.values() if family.archive == NEMO_SUFFIX)
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"Model folder {name} has no config.json; is it the folder that save_pretrained wrote?")
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        family = chosen or family_of(said, name)
    except (ValueError, AttributeError) as error:
        raise ModelError(f"The config.json of model {name} cannot be read ({error}).") from error
    if not any((folder / weights).is_file() for weights in family.weights):
        missing = family.weights[0] if family.weights else f"*{family.archive}"
        raise ModelError(f"Model {name} has no weights: its folder {folder} holds no {missing}; {family.mending}.")
    _check_objects(name, folder)
    return family


def _check_objects(name: str, folder: Path) -> None:
    """See that the JSON files beside the weights are whole."""
    for path in (folder / file for file in _OBJECTS):
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            wrong = None if isinstance(found, dict) else "it is no JSON object"
            if found == {} and path.name in _FILLED:
                wrong = "it is empty"
        except ValueError as error:
            wrong = str(error)
        if wrong is not None:
            raise ModelError(
                f"The {path.name} of model {name} cannot be read ({wrong}); copy it again from where the model is from."
            )


def _inspect(path: Path) -> None:
    """See that a NeMo archive is whole and harmless."""
    from acento.families.nemo.archive import inspect

    inspect(path)


def _from_hub(name: str, revision: str | None, reader: str | None) -> Checkpoint:
    """Download a hub model's files (or find them in the hub's cache) and describe them."""
    said = name if reader is None else f"{name}:{reader}"
    archived = reader in FAMILIES and FAMILIES[reader].archive is not None
    code = ["*.py"] if name in settings().code_trusted else []
    folder = download(name, revision, [f"*{NEMO_SUFFIX}"] if archived else [*HUB_FILES, *code])
    commit = folder.name
    if kinds_in(name, folder).rivals == [] and not is_adapter(folder):
        # looked for only where safetensors are missing: a model often has its weights in several files
        folder = download(name, commit, [*HUB_FILES, *HUB_PICKLES, "model.bin", f"*{NEMO_SUFFIX}"])
    digest = fingerprint({"hub": name, "commit": commit})
    if is_adapter(folder):
        return _merged(said, commit, folder, digest)
    if _only_pickled(kinds_in(name, folder)):
        return _whole(_unpickled(said, commit, folder, digest))
    return _whole(Checkpoint(said, commit, folder, digest, _check(name, folder, reader)))
