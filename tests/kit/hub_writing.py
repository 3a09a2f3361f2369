"""How the stand-in of the Hugging Face hub is written to, for ``huggingface_hub`` without Xet:

- ``POST /api/repos/create``: a repository with nothing but ``.gitattributes`` in it; 409 if it is there
- ``POST /api/validate-yaml``: whether a model card's front matter is one
- ``POST /api/models/ID/preupload/main``: which files go the way of git LFS
- ``POST /ID.git/info/lfs/objects/batch``, ``PUT /upload/SHA256``, ``POST /verify``: git LFS
- ``POST /api/models/ID/commit/main``: one commit, as lines of JSON

A token may write where it is one of ``Hub.writers`` and its owner's name is the repository's; else it is refused
with 403, and nobody at all with 401.
"""

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from hub import Hub, Repo

_LARGE = 1 << 16


class Refusal(Exception):  # noqa: N818
    """An answer that is an error: a status, and the hub's code and sentence for it."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **headers}


def answer(hub: "Hub", command: str, parts: list[str], body: bytes, token: str) -> dict[str, Any] | None:
    """Return what the hub says to a call that writes; None if it is none of those that are known here."""
    if command == "PUT":
        if len(parts) != 2 or parts[0] != "upload":
            return None
        if hashlib.sha256(body).hexdigest() != parts[1]:
            raise Refusal(400, "", "The bytes are not those that were announced.")
        hub.uploads[parts[1]] = body
        return {}
    if parts == ["api", "validate-yaml"]:
        return _validated(json.loads(body)["content"])
    if parts == ["verify"]:
        if json.loads(body)["oid"] not in hub.uploads:
            raise Refusal(404, "", "Not uploaded")
        return {}
    if parts == ["api", "repos", "create"]:
        return _created(hub, json.loads(body), token)
    if parts[:2] == ["api", "models"] and len(parts) == 6 and parts[4] in ("preupload", "commit"):
        repo = _writable(hub, "/".join(parts[2:4]), token)
        if parts[5] != "main":
            raise Refusal(404, "RevisionNotFound", "There is main only.")
        return _modes(json.loads(body)) if parts[4] == "preupload" else _committed(hub, parts, repo, body)
    if parts[2:] == ["info", "lfs", "objects", "batch"] and parts[1].endswith(".git"):
        _writable(hub, f"{parts[0]}/{parts[1].removesuffix('.git')}", token)
        return _batch(hub, json.loads(body))
    return None


def _created(hub: "Hub", asked: dict[str, Any], token: str) -> dict[str, Any]:
    if not token:
        raise Refusal(401, "", "Invalid username or password.")
    owner = asked.get("organization") or hub.tokens[token]
    name = f"{owner}/{asked['name']}"
    if token not in hub.writers or owner != hub.tokens[token]:
        raise Refusal(403, "", f"You don't have the rights to create a model under the namespace {owner}.")
    if name in hub.repos:
        raise Refusal(409, "", "You already created this model repo")
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.repo(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private=private, readers={token})
    hub.tokens[token] = owner
    return {"url": f"{hub.url}/{name}", "name": name}


def _writable(hub: "Hub", name: str, token: str) -> "Repo":
    repo = hub.repos.get(name)
    if repo is None:
        raise Refusal(404, "RepoNotFound", "Repository not found")
    if not token:
        raise Refusal(401, "", "Invalid username or password.")
    if token not in hub.writers or name.partition("/")[0] != hub.tokens[token]:
        raise Refusal(403, "", "You don't have the rights to write to this repository.")
    return repo


def _validated(content: str) -> dict[str, Any]:
    """Look at the front matter as the hub does, as far as tests need it: a mapping, data sets named as ids are."""
    start, _, rest = content.partition("---\n")
    try:
        data = yaml.safe_load(rest.partition("\n---")[0]) if not start else {}
    except yaml.YAMLError as error:
        raise Refusal(400, "", f"Invalid YAML: {error}") from error
    odd = [name for name in data.get("datasets", []) if not all(c.isalnum() or c in "-_./" for c in name)]
    if odd:
        raise Refusal(400, "", f'"datasets" holds {odd[0]!r}, which is no id')
    return {"errors": [], "warnings": []}


def _modes(asked: dict[str, Any]) -> dict[str, Any]:
    files = [
        {"path": one["path"], "uploadMode": "lfs" if one["size"] >= _LARGE else "regular", "shouldIgnore": False}
        for one in asked["files"]
    ]
    return {"files": files}


def _batch(hub: "Hub", asked: dict[str, Any]) -> dict[str, Any]:
    objects = []
    for one in asked["objects"]:
        where = {"upload": {"href": f"{hub.url}/upload/{one['oid']}"}, "verify": {"href": f"{hub.url}/verify"}}
        objects.append({**one, "authenticated": True, "actions": where})
    return {"transfer": "basic", "objects": objects}


def _committed(hub: "Hub", parts: list[str], repo: "Repo", body: bytes) -> dict[str, Any]:
    files = dict(repo.commits[repo.refs["main"]])
    for line in map(json.loads, body.decode().splitlines()):
        value = line["value"]
        if line["key"] == "header":
            repo.title = value["summary"]
        elif line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile" and value["oid"] in hub.uploads:
            files[value["path"]] = hub.uploads[value["oid"]]
        else:
            raise Refusal(400, "", f"The stand-in cannot commit {line['key']}.")
    sha = repo.commit(files)
    return {"commitUrl": f"{hub.url}/{'/'.join(parts[2:4])}/commit/{sha}", "commitOid": sha, "success": True}
