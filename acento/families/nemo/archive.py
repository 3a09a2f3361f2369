"""A ``.nemo`` file read and judged without NeMo: a tar of a YAML config, a pickle of weights and tokenizer files.

Loading one builds whatever classes its config names, so everything is refused that a model for speech recognition has
no need of: paths that lead out of the archive, links, YAML tags, classes that are no building blocks of NeMo or torch.
"""

import copy
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal
from zlib import error as ZlibError  # noqa: N812 - as one of the errors below

import yaml

from acento.core.errors import ModelError, first_line
from acento.data.utterance import SAMPLE_RATE

Kind = Literal["ctc", "rnnt", "tdt", "hybrid", "multitask"]

SUFFIX: Final = ".nemo"
CONFIG: Final = "model_config.yaml"
WEIGHTS: Final = "model_weights.ckpt"
PROMPTS: Final = "spl_tokens"
"""What an aggregate tokenizer calls the part that holds Canary's prompts; all other parts are languages."""

_KINDS: Final[dict[str, Kind]] = {
    "EncDecCTCModel": "ctc",
    "EncDecCTCModelBPE": "ctc",
    "EncDecRNNTModel": "rnnt",
    "EncDecRNNTBPEModel": "rnnt",
    "EncDecHybridRNNTCTCModel": "hybrid",
    "EncDecHybridRNNTCTCBPEModel": "hybrid",
    "EncDecMultiTaskModel": "multitask",
}
_MODELS: Final = "nemo.collections.asr.models."
_BUILDING_BLOCKS: Final = (
    "nemo.collections.asr.losses.",
    "nemo.collections.asr.metrics.",
    "nemo.collections.asr.modules.",
    "nemo.collections.asr.parts.",
    "nemo.collections.common.losses.",
    "nemo.collections.common.metrics.",
    "nemo.collections.common.parts.",
    "nemo.collections.common.tokenizers.canary_tokenizer.",
    "nemo.core.classes.mixins.adapter_mixin_strategies.",
    "nemo.core.config.",
    "nemo.core.optim.",
    "torch.nn.",
    "torch.optim.",
    "torchmetrics.",
)
"""Where classes that a config names may come from; not from NeMo's other tokenizers, one of which runs a hub's code."""
_FUNCTIONS: Final = frozenset({"nemo.collections.asr.modules.transformer.get_nemo_transformer"})
"""What is no class and yet named by the configs of NVIDIA's own models: Canary's decoder."""
_CLASS_KEYS: Final = frozenset({"_target_", "target", "cls"})
"""Keys whose value NeMo, or Hydra for it, imports."""
_DOTTED: Final = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*\.[A-Z]\w*")
_RESOLVER: Final = re.compile(r"\$\{[^}]*:")
"""An OmegaConf interpolation that calls something, such as ``${oc.env:HOME}``; a plain ``${model.x}`` does not."""

_MOST_MEMBERS: Final = 10_000
_MOST_CONFIG_BYTES: Final = 32 << 20
_MOST_NODES: Final = 1_000_000
"""Values in a config, aliases counted as often as they are used; a vocabulary has up to some ten thousand."""
_LARGEST_RATIO: Final = 100
_BOMB_BYTES: Final = 64 << 20
"""Contents of more than this, and of more than ``_LARGEST_RATIO`` times the file, are no weights."""


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What a ``.nemo`` file says of itself."""

    target: str
    """The model's class, such as ``nemo.collections.asr.models.EncDecCTCModelBPE``."""
    kind: Kind
    languages: tuple[str, ...]
    """The languages that have a tokenizer of their own, such as ``es`` or ``es-ES``; empty: it names none."""
    files: tuple[str, ...]
    """Names of its members, sorted."""


def find(folder: Path) -> Path:
    """Return the one ``.nemo`` file that a checkpoint is or has in its folder; raise ModelError if there is none."""
    if not folder.is_dir():
        return folder
    archives = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    if len(archives) != 1:
        names = ", ".join(path.name for path in archives) or "none"
        raise ModelError(f"Model folder {folder} must hold one {SUFFIX} file, and holds {names}; name the file itself.")
    return archives[0]


def languages(folder: Path) -> set[str] | None:
    """Return the codes of the languages that the one model of a folder knows; None where it does not say."""
    facts, _ = describe(find(folder))
    return {name.partition("-")[0].lower() for name in facts.languages} or None


def inspect(path: Path) -> ArchiveFacts:
    """Judge a ``.nemo`` file, whole or not, harmless or not, and say what it is; its weights are not read.

    Raises:
        ModelError: it is damaged, is not a model for speech recognition at 16 kHz, or could do harm when it is loaded.
    """
    return describe(path)[0]


def describe(path: Path) -> tuple[ArchiveFacts, dict[str, Any]]:
    """Judge a ``.nemo`` file as :func:`inspect` does; return also its config, which is then safe to build from."""
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"NeMo model {path} cannot be read ({error.strerror}).") from error
    facts, config = _described(path, found.st_size, found.st_mtime_ns)
    return facts, copy.deepcopy(config)


@lru_cache(maxsize=8)
def _described(path: Path, _size: int, _changed: int) -> tuple[ArchiveFacts, dict[str, Any]]:
    """Judge an archive once for as long as it stays the same: old ones are gzipped, and reading them takes seconds."""
    with _opened(path) as archive:
        members = _members(path, archive)
        for name in (CONFIG, WEIGHTS):
            if name not in members:
                raise ModelError(f"NeMo model {path} has no {name}: it is not what NeMo's save_to writes; get it anew.")
        config = _config(path, _read(path, archive, members[CONFIG], _MOST_CONFIG_BYTES))
        _judge(path, config, members)
    return _facts(path, config, tuple(sorted(members))), config


def read_file(path: Path, name: str) -> bytes:
    """Return the bytes of a member of an archive that :func:`inspect` let pass; raise ModelError if there is none."""
    with _opened(path) as archive:
        members = _members(path, archive)
        if name not in members:
            raise ModelError(f"NeMo model {path} has no {name}, which its config names; get the file anew.")
        return _read(path, archive, members[name], None)


def unpack(path: Path, folder: Path) -> None:
    """Write the members of an archive that :func:`inspect` has let pass into a folder.

    Canary 2 carries a second model for times of words, which is not needed here and is left out.

    Raises:
        ModelError: it is damaged.
        OSError: the folder cannot be written.
    """
    with _opened(path) as archive:
        for name, member in _members(path, archive).items():
            if not name.startswith("timestamps_asr_model"):
                archive.extract(member, folder, filter="data")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive, plain or gzipped, as old ones are; what goes wrong inside becomes one sentence."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with tarfile.open(path, "r:gz" if zipped else "r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError, ZlibError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise ModelError(f"NeMo model {path} is damaged or no .nemo file ({reason}); get it anew.") from error


def _members(path: Path, archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the files by their name, after seeing that each of them can be unpacked into a folder and nowhere else."""
    size, total = path.stat().st_size, 0
    found: dict[str, tarfile.TarInfo] = {}
    seen: set[str] = set()
    for count, member in enumerate(archive):
        where = PurePosixPath(member.name)
        if where.is_absolute() or ".." in where.parts or "\\" in member.name or "\0" in member.name:
            raise _refused(path, f"its member {member.name!r} leads out of the archive.")
        if not (member.isfile() or member.isdir()) or member.issparse():
            raise _refused(path, f"its member {member.name!r} is a link or no plain file.")
        total += member.size
        if total > _BOMB_BYTES and total > _LARGEST_RATIO * size:
            raise _refused(path, f"its {size} bytes would unpack to more than {_LARGEST_RATIO} times that.")
        if count >= _MOST_MEMBERS:
            raise _refused(path, f"it has more than {_MOST_MEMBERS} members.")
        if member.isdir():
            continue
        name = str(where)
        if name.casefold() in seen:
            raise _refused(path, f"it has two members called {name}.")
        seen.add(name.casefold())
        found[name] = member
    if not found:
        raise ModelError(f"NeMo model {path} is empty; get it anew.")
    return found


def _read(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, most: int | None) -> bytes:
    if most is not None and member.size > most:
        raise _refused(path, f"its {member.name} has {member.size} bytes.")
    file = archive.extractfile(member)
    data = b"" if file is None else file.read()
    if len(data) != member.size:
        raise ModelError(f"NeMo model {path} is damaged: its member {member.name} is cut off; get it anew.")
    return data


def _config(path: Path, data: bytes) -> dict[str, Any]:
    """Read the YAML, plain values only, and return what is said of the model."""
    try:
        config = yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(path, f"its {CONFIG} is no plain YAML ({first_line(error)}).") from error
    if isinstance(config, dict) and isinstance(config.get("model"), dict):
        config = config["model"]  # as NeMo does with the config of a whole training
    if not isinstance(config, dict):
        raise _refused(path, f"its {CONFIG} is no mapping.")
    return config


def _judge(path: Path, config: dict[str, Any], members: dict[str, tarfile.TarInfo]) -> None:
    """See that a config names no class, function or file that a model for speech recognition has no need of."""
    for count, (where, key, value) in enumerate(_walk(config)):
        if count > _MOST_NODES:
            raise _refused(path, f"its {CONFIG} has more than {_MOST_NODES} values.")
        if key in _CLASS_KEYS and value is not None and not _is_known(where, value):
            what = "which is no building block of NeMo's models for speech recognition"
            raise _refused(path, f"{where} in its {CONFIG} names {value!r}, {what}.")
        if isinstance(value, str) and _RESOLVER.search(value):
            raise _refused(path, f"{where} in its {CONFIG} runs a resolver ({value!r}).")
        if isinstance(value, str) and value.startswith("nemo:") and value.removeprefix("nemo:") not in members:
            raise ModelError(f"NeMo model {path} has no {value.removeprefix('nemo:')}, which its {CONFIG} names.")


def _walk(config: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield place, key and value of everything in a config; an alias is walked as often as it is used."""
    waiting: list[tuple[str, str, Any]] = [("", "", config)]
    while waiting:
        where, key, value = waiting.pop()
        yield where, key, value
        if isinstance(value, dict):
            waiting += [(f"{where}.{name}" if where else str(name), str(name), part) for name, part in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{where}.{number}", "", part) for number, part in enumerate(value)]


def _is_known(where: str, name: Any) -> bool:
    """Tell whether a class may be named at a place of a config: a model at its top, building blocks elsewhere."""
    if not isinstance(name, str):
        return False
    dotted, rooms = _DOTTED.fullmatch(name) is not None, _MODELS if where == "target" else _BUILDING_BLOCKS
    return (dotted and name.startswith(rooms)) or (where != "target" and name in _FUNCTIONS)


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(f"NeMo model {path} is refused: {why}")


def _facts(path: Path, config: dict[str, Any], files: tuple[str, ...]) -> ArchiveFacts:
    target = config.get("target")
    kind = _KINDS.get(str(target).rpartition(".")[2])
    if not isinstance(target, str) or kind is None:
        raise ModelError(
            f"NeMo model {path} is of class {target!r}, which Acento does not know; it knows {', '.join(_KINDS)}."
        )
    loss = section(config, "loss").get("loss_name")
    if kind == "rnnt" and str(loss).startswith("tdt"):
        kind = "tdt"
    rates = [section(config, "preprocessor").get("sample_rate"), config.get("sample_rate")]
    rate = next((rate for rate in rates if isinstance(rate, int | float)), None)
    if any(one != SAMPLE_RATE for one in rates if isinstance(one, int | float)) or rate is None:
        raise ModelError(
            f"NeMo model {path} hears {'no' if rate is None else f'{rate:g} Hz, no'} 16000 Hz; "
            "take one of NVIDIA's models for 16 kHz."
        )
    languages = section(config, "tokenizer", "langs")
    return ArchiveFacts(target, kind, tuple(str(name) for name in languages if name != PROMPTS), files)


def section(config: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return a section of a config; empty where there is none."""
    value: Any = config
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
