"""From what a user names (a folder, a hub id, a shipped model, one of the registry) to a checkpoint on disk.

Its identity is its content: the bytes of every file that loading may read.
"""

from dataclasses import replace
from pathlib import Path

from acento.core import plugins
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.settings import settings
from acento.models.checkpoints.adapters import merged
from acento.models.checkpoints.checkpoint import Checkpoint, archived_family, checkpoint_files, family_in
from acento.models.checkpoints.completed import completed
from acento.models.checkpoints.converted import for_ctranslate2, unpickled
from acento.models.checkpoints.downloads import HUB_FILES, HUB_PICKLES, download
from acento.models.checkpoints.places import demo_folder, in_registry, is_fetched, is_hub_id, no_model
from acento.models.checkpoints.references import REGISTRY, SHIPPED, parse
from acento.models.checkpoints.weights import ADAPTER, NEMO_SUFFIX, Kinds, is_adapter, kinds_in
from acento.models.families import FAMILIES
from acento.models.family import Family
from acento.models.parts import lacking


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
        return for_ctranslate2(name, resolve(asked.base, revision), asked.quantization)
    base = asked.base
    if base.startswith(SHIPPED):
        return _in_folder(name, demo_folder(base), asked.reader)
    if base.startswith(REGISTRY):
        return in_registry(base)
    path = Path(base).expanduser()
    if path.is_dir():
        return _in_folder(name, path, asked.reader)
    if path.exists():
        return _in_file(name, path)
    owner, _, tag = base.partition("@")
    if not is_hub_id(owner):
        raise no_model(base)
    return _from_hub(owner, revision or tag or None, asked.reader)


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
        if is_fetched(base):
            return None
        folder = demo_folder(base)
    if folder.is_dir():
        reader = parse(name).reader if parse(name).quantization is None else None
        derived = _only_pickled(kinds_in(name, folder)) or is_adapter(folder)
        return None if derived else (folder, family_in(name, folder, reader))
    if not folder.exists() and not is_hub_id(base.partition("@")[0]):
        resolve(base)  # it says what there is
    return None


def _in_folder(name: str, folder: Path, reader: str | None = None) -> Checkpoint:
    """Describe the checkpoint in a folder; its digest covers the bytes of every file that loading may read."""
    if _only_pickled(kinds_in(name, folder)):
        digest = fingerprint({one: sha256_file(folder / one) for one in _all(folder)})
        return _whole(unpickled(name, None, folder, digest))
    if is_adapter(folder):
        digest = fingerprint({file: sha256_file(folder / file) for file in ADAPTER if (folder / file).is_file()})
        return merged(name, None, folder, digest, resolve)
    files = checkpoint_files(name, folder, reader)
    digest = fingerprint({file: sha256_file(folder / file) for file in files})
    return _whole(Checkpoint(name, None, folder.absolute(), digest, family_in(name, folder, reader)))


def _in_file(name: str, path: Path) -> Checkpoint:
    """Describe a model that is one file."""
    for family in FAMILIES.values():
        if path.suffix in family.file_readers:
            made: Checkpoint = plugins.load(family.file_readers[path.suffix])(name, path)
            return made
    family = archived_family(path)
    return Checkpoint(name, None, path.absolute(), fingerprint({"file": sha256_file(path)}), family)


def _whole(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with what it lacks taken from its base, where it lacks anything.

    What a Whisper is told is part of its content. Where it has no file that says it, the identity says that it was
    derived, so that texts of before it was are not taken for its own.
    """
    if lacking(checkpoint.family.parts, checkpoint.folder):
        return completed(checkpoint)
    derives = checkpoint.family.derives_config
    if derives is not None and plugins.load(derives)(checkpoint.folder):
        return replace(checkpoint, digest=fingerprint([checkpoint.digest, "generation config derived"]))
    return checkpoint


def _all(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".md")


def _only_pickled(kinds: Kinds) -> bool:
    return kinds.pickled is not None and not kinds.rivals


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
        return merged(said, commit, folder, digest, resolve)
    if _only_pickled(kinds_in(name, folder)):
        return _whole(unpickled(said, commit, folder, digest))
    return _whole(Checkpoint(said, commit, folder, digest, family_in(name, folder, reader)))
