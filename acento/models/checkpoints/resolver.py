"""From what a user names (a folder, a hub id, a shipped model, one of the registry) to a checkpoint on disk.

Its identity is its content: the bytes of every file that loading may read.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from acento.core import plugins
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.settings import settings
from acento.models.checkpoints import places
from acento.models.checkpoints.checkpoint import Checkpoint, archived_family, checkpoint_files, family_in
from acento.models.checkpoints.completed import completed
from acento.models.checkpoints.converted import check_base, for_ctranslate2, merged, unpickled
from acento.models.checkpoints.references import REGISTRY, parse
from acento.models.checkpoints.weights import ADAPTER, NEMO_SUFFIX, is_adapter, kinds_in
from acento.models.families import FAMILIES
from acento.models.family import Family


def resolve(name: str, revision: str | None = None) -> Checkpoint:
    """Find a model by folder, file, ``demo:NAME``, ``registry:NAME@VERSION``, or hub id (with ``@REVISION``).

    After another colon a name may say what reads the model: ``openai/whisper-small:ctranslate2-int8`` is converted on
    first use and kept in the store; ``FOLDER:nemo`` and ``FOLDER:transformers`` choose where both are in a folder; a
    family's name (``FOLDER:whisper``) is believed whatever the config says. A model of the hub is downloaded if need
    be; one of the registry is looked for in the store of the settings.

    Raises:
        ModelError: there is no such model, access is refused, it is not whole, or its pickled weights are not trusted.
        DamagedError: it is a version of the registry whose files are not those that were published.
        TransientError: the hub does not answer and no copy is here.
    """
    asked = parse(name)
    if asked.quantization is not None:
        return for_ctranslate2(name, resolve(asked.base, revision), asked.quantization)
    base = asked.base
    if base.startswith(REGISTRY):
        return places.in_registry(base)
    path = places.local_path(base)
    if path.is_dir():
        return _describe(name, path, asked.reader)
    if path.exists():
        return _in_file(name, path)
    owner, _, tag = base.partition("@")
    if not places.is_hub_id(owner):
        raise places.no_model(base)
    return _from_hub(owner, revision or tag or None, asked.reader)


def find_local(name: str) -> tuple[Path, Family] | None:
    """Return the folder and the family of a model of this machine, no file hashed or converted; None of any other.

    Raises ModelError if there is no such folder, it is no checkpoint of a known family, or an adapter without its base.
    """
    asked = parse(name)
    base = asked.base
    if base.startswith(REGISTRY) or places.is_fetched(base):
        return None
    folder = places.local_path(base)
    if folder.is_dir():
        reader = asked.reader if asked.quantization is None else None
        pickled = kinds_in(name, folder).only_pickled
        if is_adapter(folder):
            check_base(name, folder)
            return None
        return None if pickled else (folder, family_in(name, folder, reader))
    if not folder.exists() and not places.is_hub_id(base.partition("@")[0]):
        resolve(base)  # it says what there is
    return None


def _describe(
    name: str, folder: Path, reader: str | None, commit: str | None = None, digest: str | None = None
) -> Checkpoint:
    """Describe the checkpoint in a folder; without a digest it is named by the bytes of the files that are read."""
    plain = name.removesuffix(f":{reader}")

    def digest_of(files: Iterable[str]) -> str:
        return digest or fingerprint({file: sha256_file(folder / file) for file in files})

    if is_adapter(folder):
        own = digest_of(file for file in ADAPTER if (folder / file).is_file())
        return merged(name, commit, folder, own, resolve)
    if kinds_in(plain, folder).only_pickled:
        everything = sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".md")
        return _whole(unpickled(name, commit, folder, digest_of(everything)))
    files = checkpoint_files(plain, folder, reader)
    family = family_in(plain, folder, reader)
    return _whole(Checkpoint(name, commit, folder.absolute(), digest_of(files), family))


def _in_file(name: str, path: Path) -> Checkpoint:
    for family in FAMILIES.values():
        if path.suffix in family.file_readers:
            made: Checkpoint = plugins.load(family.file_readers[path.suffix])(name, path)
            return made
    family = archived_family(path)
    return Checkpoint(name, None, path.absolute(), fingerprint({"file": sha256_file(path)}), family)


def _whole(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with what it lacks taken from its base, where it lacks anything.

    Where a family derives a config that no file holds, the identity says so, so that older texts are not taken for
    those of the derived one.
    """
    whole = completed(checkpoint)
    derives = checkpoint.family.derives_config
    if whole is checkpoint and derives is not None and plugins.load(derives)(checkpoint.folder):
        return replace(checkpoint, digest=fingerprint([checkpoint.digest, "generation config derived"]))
    return whole


def _from_hub(name: str, revision: str | None, reader: str | None) -> Checkpoint:
    """Download a hub model's files (or find them in the hub's cache) and describe them."""
    archived = reader in FAMILIES and FAMILIES[reader].archive is not None
    code = ["*.py"] if name in settings().code_trusted else []
    folder = places.download(name, revision, [f"*{NEMO_SUFFIX}"] if archived else [*places.HUB_FILES, *code])
    commit = folder.name
    if kinds_in(name, folder).rivals == [] and not is_adapter(folder):
        # looked for only where safetensors are missing: a model often has its weights in several files
        folder = places.download(name, commit, [*places.HUB_FILES, *places.HUB_PICKLES, "model.bin", f"*{NEMO_SUFFIX}"])
    digest = fingerprint({"hub": name, "commit": commit})
    return _describe(name if reader is None else f"{name}:{reader}", folder, reader, commit, digest)
