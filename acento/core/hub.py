"""The Hugging Face hub: who asks it, and what its refusals and silences mean, each as a sentence for a person."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from acento.core.errors import AcentoError, DataError, ModelError, TransientError
from acento.core.settings import settings


def hub_token() -> str | None:
    """Return the token of ``HF_TOKEN``; None leaves it to the library, which knows of ``hf auth login``."""
    token = settings().hf_token
    return token.get_secret_value() if token else None


def hub_error(
    error: BaseException, what: str, name: str, revision: str | None, kind: type[ModelError] | type[DataError]
) -> AcentoError:
    """Return what an error of the hub's libraries says of a model or data set.

    Args:
        error: what was raised; what led to it is looked at too.
        what: "model" or "data set".
        name: its id on the hub.
        revision: the branch, tag or commit that was asked for, if any.
        kind: the class for what a person has to change; what may pass is a ``TransientError``.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    title = f"{what.capitalize()} {name}"
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    for cause in causes(error):
        if isinstance(cause, errors.HFValidationError):
            return kind(f"{name!r} is no id of the Hugging Face hub: one is owner/name, in letters, digits and '-_.'.")
        if isinstance(cause, errors.GatedRepoError):
            return kind(
                f"{title} is gated: accept its terms on the hub, then set HF_TOKEN to a token that may read it."
            )
        if isinstance(cause, errors.RevisionNotFoundError):
            return kind(f"{title} has no revision {revision!r} on the Hugging Face hub.")
        if isinstance(cause, errors.RepositoryNotFoundError):
            return kind(
                f"There is no {what} {name!r}: no folder of that name here, and none on the Hugging Face hub "
                "(a private one needs HF_TOKEN)."
            )
        if isinstance(cause, errors.OfflineModeIsEnabled) or offline:
            return kind(f"There is no folder {name} here, and HF_HUB_OFFLINE is set and no copy is in its cache.")
        if isinstance(cause, errors.HfHubHTTPError):
            status = cause.response.status_code
            if status in (401, 403):
                return kind(
                    f"{title} cannot be read: the Hugging Face hub refuses the token; set HF_TOKEN to one that it "
                    "gave you and that has not ended."
                )
            passing = TransientError if status == 429 or status >= 500 else kind
            return passing(f"{title} cannot be read: the Hugging Face hub answers with an error ({status}).")
        if isinstance(cause, httpx.HTTPError | ConnectionError | TimeoutError):
            return TransientError(
                f"There is no folder {name} here, and the Hugging Face hub does not answer and no copy is in its cache."
            )
    line = str(error).partition("\n")[0].rstrip(".")
    if isinstance(error, OSError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return kind(f"{title} cannot be read or kept here ({error.strerror or line}).")
    return TransientError(f"{title} cannot be downloaded whole from the Hugging Face hub ({line}).")


def fetch_beside(folder: Path, name: str) -> None:
    """Download one more file of the hub model whose snapshot a folder is; do nothing where it is none, or is there.

    Raises:
        ModelError: access is refused.
        TransientError: the hub does not answer.
    """
    from huggingface_hub import errors, hf_hub_download
    from huggingface_hub.utils import httpx

    kind, *repo = folder.parent.parent.name.split("--")  # models--OWNER--NAME/snapshots/COMMIT
    if (folder / name).exists() or folder.parent.name != "snapshots" or kind != "models":
        return
    model = "/".join(repo)
    try:
        with suppress(errors.RemoteEntryNotFoundError):
            hf_hub_download(model, name, revision=folder.name, token=hub_token())
    except (httpx.HTTPError, OSError) as error:
        raise hub_error(error, "model", model, folder.name, ModelError) from error


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, from the outermost on."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
