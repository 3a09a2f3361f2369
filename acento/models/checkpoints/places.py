"""Where a model that a person names may be: what comes with Acento, the registry, or the Hugging Face hub."""

from pathlib import Path

from acento.core import plugins
from acento.core.errors import ModelError
from acento.data.demo.real import weights as published
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.downloads import HUB_SMALL, download
from acento.models.checkpoints.references import REGISTRY, SHIPPED, parse
from acento.models.checkpoints.weights import NEMO_SUFFIX

_SHIPPED_FOLDER = Path(__file__).parents[2] / "assets" / "models"


def shipped() -> list[str]:
    """Return the names of the models that come with Acento."""
    if not _SHIPPED_FOLDER.is_dir():
        return []
    return sorted(
        SHIPPED + path.name
        for path in _SHIPPED_FOLDER.iterdir()
        if (path / "config.json").is_file() or any(path.glob(f"*{NEMO_SUFFIX}"))
    )


def demo_folder(base: str) -> Path:
    """Return the folder of ``demo:NAME``: one that comes with Acento, or published weights that are fetched."""
    name = base.removeprefix(SHIPPED)
    if name in published.WEIGHTS:
        return published.fetch_weights(name) / published.HF
    folder = _SHIPPED_FOLDER / name
    if not name or not folder.exists():
        there = ", ".join([*shipped(), *(f"{SHIPPED}{one}" for one in published.WEIGHTS)])
        raise ModelError(f"There is no model {base!r}; there is {there}.")
    return folder


def is_fetched(base: str) -> bool:
    """Tell whether ``demo:NAME`` names published weights, which may have to be downloaded."""
    return base.removeprefix(SHIPPED) in published.WEIGHTS


def in_registry(base: str) -> Checkpoint:
    """Return the checkpoint of ``registry:NAME@VERSION``.

    Raises:
        ModelError: there is no such model, version, alias or export.
        DamagedError: its files are not those that were published.
    """
    found: Checkpoint = plugins.load(plugins.MODEL_SOURCES[REGISTRY])(base)
    return found


def may_be_fetched(name: str) -> bool:
    """Tell whether a name is of a model that comes with Acento, of the registry, or may be one of the hub."""
    base = parse(name).base
    return base.startswith((SHIPPED, REGISTRY)) or is_hub_id(base.partition("@")[0])


def is_hub_id(name: str) -> bool:
    """Tell whether a name is of the form ``owner/model``."""
    parts = name.split("/")
    return len(parts) == 2 and all(part and not part.startswith((".", "~")) for part in parts)


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
    if base.startswith(SHIPPED):
        return demo_folder(base)
    if base.startswith(REGISTRY):
        return in_registry(base).folder
    if not is_hub_id(owner):
        raise no_model(base)
    return download(owner, tag or None, HUB_SMALL)


def no_model(base: str) -> ModelError:
    """Return the error of a name that is of no model."""
    return ModelError(
        f"There is no model folder {base}; name a folder, a .nemo file, a Hugging Face id such as "
        f"openai/whisper-small, or a shipped model ({', '.join(shipped())})."
    )
