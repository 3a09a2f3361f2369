"""Which engine a person names, what it is then, and how it is loaded."""

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Final

from acento.core import plugins
from acento.core.errors import InputError, ModelError
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.hub import hub_error, hub_token
from acento.diarization.diarizer import Diarizer
from acento.diarization.engines.embedded.presets import PRESETS
from acento.diarization.engines.embedded.weights import DIGEST
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

EMBEDDED: Final = "embedded"
LOADERS: Final = {
    EMBEDDED: "acento.diarization.engines.embedded.pipeline:load",
    "pyannote": "acento.diarization.engines.pyannote:load",
    "sortformer": "acento.diarization.engines.sortformer:load",
}
"""By kind of engine a function of a model's name and options that returns it loaded."""


def find_engine(name: str) -> ModelSpec:
    """Return the engine of a name: a preset, a pipeline of pyannote (hub id or folder), or a Sortformer (id or file).

    Nothing is loaded, and of the presets nothing is fetched.

    Raises:
        ModelError: there is no such engine.
        TransientError: the hub does not answer.

    >>> find_engine("fast").family
    'embedded'
    """
    if name in PRESETS:
        digest = fingerprint([DIGEST, asdict(PRESETS[name])])
        return ModelSpec(id=name, revision=None, digest=digest, family=EMBEDDED)
    path = Path(name).expanduser()
    if path.suffix == ".nemo" and path.is_file():
        return ModelSpec(id=name, revision=None, digest=_digest(path), family="sortformer")
    if (path / "config.yaml").is_file():
        return ModelSpec(id=name, revision=None, digest=_digest(path), family="pyannote")
    owner, slash, model = name.partition("/")
    if not slash or not owner or not model or "/" in model or path.exists():
        presets = " or ".join(PRESETS)
        raise ModelError(
            f"There is no diarizer {name!r}: it is {presets}, a pipeline of pyannote (its id on the hub, or a folder "
            "with its config.yaml), or a Sortformer (its id on the hub, or a .nemo file)."
        )
    family = "sortformer" if "sortformer" in model.lower() else "pyannote"
    revision = _revision(name)
    return ModelSpec(id=name, revision=revision, digest=fingerprint([name, revision]), family=family)


def _digest(path: Path) -> str:
    """Return a digest of the names and bytes of a file, or of those in a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    stats = [(file, file.stat()) for file in files or [path]]
    return _digest_of(path, tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stats))


@lru_cache(8)
def _digest_of(path: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """Return the digest of files that were not changed since: each recording of a batch asks for it."""
    return fingerprint({file.relative_to(path).as_posix(): sha256_file(file) for file, _, _ in files})


@lru_cache(8)
def _revision(name: str) -> str:
    """Return the commit that a hub id stood for when this process first asked."""
    import huggingface_hub

    try:
        return str(huggingface_hub.model_info(name, token=hub_token()).sha)
    except Exception as error:
        raise hub_error(error, "model", name, None, ModelError) from error


@lru_cache(2)
def load_engine(model: ModelSpec, options: DecodeOptions) -> Diarizer:
    """Return an engine, loaded; kept for the next recording.

    Raises:
        InputError: what it needs is not installed, or its weights cannot be had.
    """
    if model.family not in LOADERS:
        raise InputError(f"This version of Acento knows no diarizer of the kind {model.family!r}; there is {LOADERS}.")
    loaded: Diarizer = plugins.load(LOADERS[model.family])(model, options)
    return loaded
