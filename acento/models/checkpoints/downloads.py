"""Models of the Hugging Face hub, downloaded file by file: what loading may read, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from acento.core.errors import ModelError
from acento.core.hub import hub_error, hub_token

HUB_SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "README.md")
"""All but weights."""
HUB_FILES = ("*.json", "*.txt", "*.safetensors", "*.model", "*.jinja", "README.md")
HUB_PICKLES = ("pytorch_model*.bin",)
_HUB_LEFT = ("consolidated*.safetensors", "adapter.*.safetensors")
"""The same weights once more, in their authors' own layout; and MMS's thousand languages, fetched one by one."""


def download(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Return the folder of a snapshot of a hub model, with the files of these patterns in it.

    Raises:
        ModelError: there is no such model or revision, or access to it is refused.
        TransientError: the hub does not answer and no copy is here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import HFValidationError, httpx

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=list(_HUB_LEFT),
                token=hub_token(),
            )
        )
    except (HFValidationError, httpx.HTTPError, OSError) as error:
        raise hub_error(error, "model", name, revision, ModelError) from error
