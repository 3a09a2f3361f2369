"""Where a model that a person names may be: what comes with Acento, the registry, or the Hugging Face hub."""

from collections.abc import Sequence
from pathlib import Path

from acento.core import plugins
from acento.core.errors import ModelError
from acento.core.hub import hub_error, hub_token
from acento.data.demo.real import weights as published
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import REGISTRY, SHIPPED, parse
from acento.models.checkpoints.weights import NEMO_SUFFIX

HUB_SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "README.md")
"""All but weights."""
HUB_FILES = (*HUB_SMALL, "*.safetensors")
HUB_PICKLES = ("pytorch_model*.bin",)
_HUB_LEFT = ("consolidated*.safetensors", "adapter.*.safetensors")
"""The same weights once more, in their authors' own layout; and MMS's thousand languages, fetched one by one."""
_SHIPPED_FOLDER = Path(__file__).parents[2] / "assets" / "models"


def shipped() -> list[str]:
    """Return the names of the models that come with Acento."""
    folders = {path.parent for name in ("config.json", f"*{NEMO_SUFFIX}") for path in _SHIPPED_FOLDER.glob(f"*/{name}")}
    return sorted(SHIPPED + folder.name for folder in folders)


def local_path(base: str) -> Path:
    """Return the path that a name is, or the folder of ``demo:NAME``: shipped, or fetched published weights."""
    name = base.removeprefix(SHIPPED)
    if name == base:
        return Path(base).expanduser()
    if name in published.WEIGHTS:
        return published.fetch_weights(name) / published.HF
    folder = _SHIPPED_FOLDER / name
    if not name or not folder.exists():
        there = ", ".join([*shipped(), *(f"{SHIPPED}{one}" for one in published.WEIGHTS)])
        raise ModelError(f"There is no model {base!r}; there is {there}.")
    return folder


def is_fetched(base: str) -> bool:
    """Tell whether a name is ``demo:NAME`` of published weights, which may have to be downloaded."""
    return base.startswith(SHIPPED) and base.removeprefix(SHIPPED) in published.WEIGHTS


def in_registry(base: str) -> Checkpoint:
    """Return the checkpoint of ``registry:NAME@VERSION``; raise ModelError if there is none."""
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

    Raises ModelError if there is no such model, and as ``download`` does.
    """
    base = parse(name).base
    if base.startswith(REGISTRY):
        return in_registry(base).folder
    folder = local_path(base)
    if folder.is_dir():
        return folder
    owner, _, tag = base.partition("@")
    if not is_hub_id(owner):
        raise no_model(base)
    return download(owner, tag or None, HUB_SMALL)


def download(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Return the folder of a snapshot of a hub model, with the files of these patterns in it.

    Raises:
        ModelError: there is no such model or revision, or access to it is refused.
        TransientError: the hub does not answer and no copy is here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import HFValidationError, httpx

    wanted = {"revision": revision, "allow_patterns": [*patterns], "ignore_patterns": [*_HUB_LEFT]}
    try:
        return Path(snapshot_download(name, token=hub_token(), **wanted))
    except (HFValidationError, httpx.HTTPError, OSError) as error:
        raise hub_error(error, "model", name, revision, ModelError) from error


def no_model(base: str) -> ModelError:
    """Return the error of a name that is of no model."""
    return ModelError(
        f"There is no model folder {base}; name a folder, a .nemo file, a Hugging Face id such as "
        f"openai/whisper-small, or a shipped model ({', '.join(shipped())})."
    )
