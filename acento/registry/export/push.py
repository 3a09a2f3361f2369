"""Push a model version to the Hugging Face hub: the checkpoint's files, its recipe, and its model card."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from acento.core.errors import AcentoError, InputError, ModelError, TransientError
from acento.core.hub import causes, hub_token
from acento.core.store import Store
from acento.models.checkpoints.taught import mark_taught
from acento.registry.card.report import card_path
from acento.registry.model_version import CARD, ModelVersion
from acento.registry.windows import full_only


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where a version is on the hub."""

    url: str
    commit: str
    files: int


def push(store: Store, version: ModelVersion, repo: str, *, private: bool = False, update: bool = False) -> Pushed:
    """Upload a version in one commit, its newest model card as ``README.md``.

    The repository ``owner/name`` is made if it is not there, ``private`` or for everybody to see. One that holds
    something gets one more commit only with ``update``.

    Raises:
        InputError: the repository is there and not to be updated, or cannot be called so, or the token may not write.
        TransientError: the hub does not answer.
        DamagedError: the version is not whole.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    token = hub_token() or huggingface_hub.get_token()
    if token is None:
        raise InputError(
            "To push to the Hugging Face hub takes a token that may write: set HF_TOKEN, or run hf auth login."
        )
    artifact = store.find(version.key)
    if artifact is None:
        raise ModelError(f"{version.title} in {store.url} is damaged or was removed; train it again.")
    paths = {name: store.local_path(version.key, name) for name in sorted(artifact.files)}
    paths[CARD] = Path(card_path(store, version))
    files: dict[str, str | bytes] = {name: str(path) for name, path in paths.items()}
    if full_only(store, version):  # others know nothing of the window gate
        with tempfile.TemporaryDirectory() as scratch:
            config = Path(shutil.copy(paths["config.json"], scratch))
            mark_taught(config.parent, None)
            files["config.json"] = config.read_bytes()
    api = huggingface_hub.HfApi(token=token)
    try:
        try:
            api.create_repo(repo, private=private)
        except HfHubHTTPError as error:
            if error.response.status_code != 409:  # it is there already
                raise
            # .gitattributes is what an upload that failed leaves behind
            if not update and set(api.list_repo_files(repo)) - {".gitattributes"}:
                raise InputError(
                    f"Repository {repo} is on the Hugging Face hub already: add --update to put {version.title} on top "
                    "of what it holds, or choose another name."
                ) from None
        commit = api.create_commit(
            repo,
            [huggingface_hub.CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message=f"{version.title}, fine-tuned with Acento",
        )
    except AcentoError:
        raise
    except Exception as error:  # the libraries below raise their own, wrapped and not
        plain = _push_error(error, repo)
        if plain is None:
            raise
        raise plain from error
    return Pushed(str(commit.repo_url), commit.oid, len(files))


def _push_error(error: BaseException, repo: str) -> AcentoError | None:
    """Return what an error of the hub's libraries says, as a sentence; None where it says nothing of the hub."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    for cause in causes(error):
        if isinstance(cause, errors.HFValidationError):
            return InputError(
                f"{repo!r} is no id of the Hugging Face hub: one is owner/name, in letters, digits and '-_.'."
            )
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return InputError("HF_HUB_OFFLINE is set: unset it to push.")
        if isinstance(cause, errors.HfHubHTTPError):
            status = cause.response.status_code
            if status == 401:
                return InputError("The Hugging Face hub refuses the token; set HF_TOKEN to one that it gave you.")
            if status == 403:
                return InputError(
                    f"The token may not write to {repo}: use one with the right to write, and a name under its owner."
                )
            if status == 429 or status >= 500:
                return TransientError(
                    f"{repo} cannot be written: the Hugging Face hub answers with an error ({status})."
                )
            reason = getattr(cause, "server_message", None) or str(cause).partition("\n")[0]
            return InputError(f"{repo} cannot be written: the Hugging Face hub refuses it ({status}: {reason}).")
        if isinstance(cause, httpx.HTTPError | ConnectionError | TimeoutError):
            return TransientError("The Hugging Face hub does not answer; run the same command again.")
    return None
