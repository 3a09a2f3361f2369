"""A stand-in for the Hugging Face hub: enough of its HTTP API for the real ``huggingface_hub`` and ``datasets``.

It knows, for models (no prefix) and ``datasets/``, with ``REV`` a branch, a tag or a commit:

- ``GET /api/models/ID`` and ``/api/models/ID/revision/REV``: facts, the commit and the list of files
- ``GET /api/models/ID/tree/REV[/FOLDER]?recursive=…`` and ``POST /api/models/ID/paths-info/REV``: files and folders
- ``GET /api/models/ID/auth-check``: whether the files may be read; ``GET …/refs``: branches and tags
- ``GET /api/whoami-v2``: whose token it is; ``GET /api/agent-harnesses``: nothing (it is asked for, once a day, for the
  library's user-agent string)
- what ``hub_writing`` lists: repositories made, files uploaded as git LFS takes them, commits
- ``HEAD`` and ``GET /ID/resolve/REV/FILE``: with ETag and X-Repo-Commit, by ranges where asked; a file of
  ``LARGE`` bytes or more, as git LFS holds it, by a redirect to ``/lfs/SHA256`` on another host (as a CDN is)

Who may read: a private repository is 401 to nobody and 404 to a stranger, as if it were not there; of a gated one the
facts and the list are open, and the files are 401 or 403 with the code ``GatedRepo``; a token that the hub never gave
is refused as such. Any other call is answered with 501 and kept in ``unknown``, which fails a test that
uses ``serving``.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

import hub_writing
import pytest
from hub_writing import Refusal
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

LARGE = 1 << 16
"""Bytes from which on a file is one of git LFS."""
Files = dict[str, bytes]


@dataclass
class Repo:
    """A repository: its commits, what its branches and tags point at, and the tokens by which it is read."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    readers: set[str] = field(default_factory=set)
    title: str = ""
    """The message of its last commit, where a client made it."""

    def commit(self, files: Files, *refs: str) -> str:
        """Add a commit of exactly these files, to which these refs (by default main) point; return its hash."""
        told = json.dumps([len(self.commits), {name: hashlib.sha1(data).hexdigest() for name, data in files.items()}])
        sha = hashlib.sha1(told.encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs.update(dict.fromkeys(refs or ("main",), sha))
        return sha


class Hub:
    """The hub: its repositories, known tokens, what it was asked, and the faults that it is to show."""

    def __init__(self) -> None:
        """Start with nothing in it."""
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, str] = {}
        """The name of each token's owner."""
        self.writers: set[str] = set()
        """Tokens that may write, each under its owner's name."""
        self.uploads: dict[str, bytes] = {}
        """What was uploaded and is in no commit yet, by SHA-256."""
        self.asked: list[str] = []
        self.unknown: list[str] = []
        self.url = ""
        self.stop: Callable[[], None] = lambda: None
        """Ends the server: from then on nobody listens at ``url``."""
        self._faults: list[tuple[str, int | str]] = []

    def repo(self, name: str, files: Files | None = None, **access: Any) -> Repo:
        """Add a repository, ``owner/name`` of a model or ``datasets/owner/name``, with a first commit on main."""
        repo = self.repos[name] = Repo(**access)
        self.tokens.update(dict.fromkeys(repo.readers, "reader"))
        if files is not None:
            repo.commit(files)
        return repo

    def fail(self, path: str, how: int | str, times: int = 1) -> None:
        """Answer the next calls whose path holds ``path`` with a status such as 500, or cut them: ``how="cut"``."""
        self._faults += [(path, how)] * times

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        self._faults.clear()

    def fault(self, path: str) -> int | str | None:
        """Return the next fault that this call is to meet, and forget it."""
        for number, (part, how) in enumerate(self._faults):
            if part in path:
                del self._faults[number]
                return how
        return None


class _Call:
    """One call of the hub, and its answer."""

    def __init__(self, hub: Hub, request: Request) -> None:
        self.hub, self.request, self.command = hub, request, request.method
        self.token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.body = request.get_data()

    def answer(self) -> Response:
        path = urlsplit(self.request.environ["RAW_URI"]).path
        self.hub.asked.append(f"{self.command} {unquote(path)}")
        fault = self.hub.fault(unquote(path))
        try:
            if isinstance(fault, int):
                raise Refusal(fault, "", "The hub is told to fail.")
            if self.token and self.token not in self.hub.tokens:
                raise Refusal(401, "", "Invalid credentials in Authorization header")
            answer = self._route([unquote(part) for part in path.strip("/").split("/")], self.request.args)
        except Refusal as refusal:
            answer = _json({"error": str(refusal)}, refusal.status, **refusal.headers)
        if fault == "cut":
            whole = b"".join(answer.iter_encoded())
            headers = {**answer.headers, "Content-Length": str(len(whole))}
            return Response([whole[: len(whole) // 2]], answer.status_code, headers)
        return answer

    def _route(self, parts: list[str], query: Mapping[str, str]) -> Response:
        if parts == ["api", "whoami-v2"] and self.token:
            return _json({"type": "user", "name": self.hub.tokens[self.token], "orgs": []})
        if parts == ["api", "agent-harnesses"]:
            return _json({})
        if self.command in ("POST", "PUT"):
            written = hub_writing.answer(self.hub, self.command, parts, self.body, self.token)
            if written is not None:
                return _json(written)
        if parts[0] == "lfs" and len(parts) == 2:
            commits = (files for repo in self.hub.repos.values() for files in repo.commits.values())
            blobs = (data for files in commits for data in files.values())
            found = next((data for data in blobs if hashlib.sha256(data).hexdigest() == parts[1]), None)
            if found is not None:
                return self._file(found, {"ETag": f'"{parts[1]}"'})
        if parts[0] == "api" and parts[1] in ("models", "datasets") and len(parts) >= 4:
            prefix = "datasets/" if parts[1] == "datasets" else ""
            return self._api(prefix + "/".join(parts[2:4]), parts[4:], query)
        kind, rest = ("datasets/", parts[1:]) if parts[0] == "datasets" else ("", parts)
        if len(rest) >= 5 and rest[2] == "resolve" and self.command != "POST":
            return self._resolve(kind + "/".join(rest[:2]), rest[3], "/".join(rest[4:]))
        return self._unknown()

    def _api(self, name: str, rest: list[str], query: Mapping[str, str]) -> Response:
        repo = self._readable(name)
        if not rest or (rest[0] == "revision" and len(rest) == 2):
            sha, files = self._at(repo, rest[1] if rest else "main")
            facts = {"id": name.removeprefix("datasets/"), "sha": sha, "private": repo.private, "tags": []}
            siblings = [{"rfilename": path} for path in sorted(files)]
            return _json({**facts, "gated": "manual" if repo.gated else False, "siblings": siblings})
        if rest == ["auth-check"]:
            self._see_files(name, repo)
            return _json({})
        if rest == ["refs"]:
            branches = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": sha} for n, sha in repo.refs.items()]
            return _json({"branches": branches, "tags": [], "converts": []})
        if rest[0] == "tree" and len(rest) >= 2 and self.command == "GET":
            files = self._at(repo, rest[1])[1]
            folder = "/".join(rest[2:])
            entries = _entries(files, folder, query.get("recursive", "").lower() in ("true", "1"))
            if folder and not entries:
                raise Refusal(404, "EntryNotFound", f"{folder} does not exist")
            return _json(entries)
        if rest[0] == "paths-info" and len(rest) == 2 and self.command == "POST":
            files = self._at(repo, rest[1])[1]
            asked = {path.strip("/") for path in parse_qs(self.body.decode()).get("paths", [])}
            return _json([entry for entry in _entries(files, "", True) if entry["path"] in asked])
        return self._unknown()

    def _resolve(self, name: str, revision: str, path: str) -> Response:
        repo = self._readable(name)
        sha, files = self._at(repo, revision)
        self._see_files(name, repo)
        commit = {"X-Repo-Commit": sha}
        if path not in files:
            raise Refusal(404, "EntryNotFound", "Entry not found", **commit)
        data = files[path]
        if len(data) < LARGE:
            return self._file(data, {"ETag": f'"{_oid(data)}"', **commit})
        sha256 = hashlib.sha256(data).hexdigest()
        linked = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(data))}
        place = f"{self.hub.url.replace('127.0.0.1', 'localhost')}/lfs/{sha256}"
        return Response(b"", 302, {**commit, **linked, "Location": place})

    def _readable(self, name: str) -> Repo:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and self.token not in repo.readers):
            raise Refusal(404 if self.token else 401, "RepoNotFound", "Repository not found")
        return repo

    def _see_files(self, name: str, repo: Repo) -> None:
        if repo.gated and self.token not in repo.readers:
            raise Refusal(403 if self.token else 401, "GatedRepo", f"Access to {name} is restricted.")

    def _at(self, repo: Repo, revision: str) -> tuple[str, Files]:
        sha = repo.refs.get(revision, revision)
        if sha not in repo.commits:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha, repo.commits[sha]

    def _unknown(self) -> NoReturn:
        self.hub.unknown.append(f"{self.command} {self.request.full_path}")
        raise Refusal(501, "", "The stand-in does not know this call.")

    def _file(self, data: bytes, headers: dict[str, str]) -> Response:
        """Return a file, or the range of it that is asked for."""
        answer = Response(data, headers=headers, mimetype="application/octet-stream")
        return answer.make_conditional(self.request, accept_ranges=True, complete_length=len(data))


def _json(what: object, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(what), status, headers, mimetype="application/json")


def _oid(data: bytes) -> str:
    """Return the name that git gives to these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entries(files: Files, folder: str, recursive: bool) -> list[dict[str, Any]]:
    """Return the files and folders in a folder, in all that it holds if ``recursive``, as the hub tells of them."""
    entries: dict[str, dict[str, Any]] = {}
    for path, data in sorted(files.items()):
        if folder and not path.startswith(f"{folder}/"):
            continue
        above = [str(parent) for parent in Path(path).parents if str(parent) != "." and str(parent) != folder]
        for parent in above:
            if len(parent) > len(folder):
                entries[parent] = {"type": "directory", "path": parent, "oid": _oid(parent.encode()), "size": 0}
        entries[path] = {"type": "file", "path": path, "oid": _oid(data), "size": len(data)}
        if len(data) >= LARGE:
            entries[path]["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    depth = folder.count("/") + 1 if folder else 0
    return [entry for path, entry in entries.items() if recursive or path.count("/") == depth]


@contextmanager
def serving(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run a hub on a free port, which this process's libraries take for the real one, with caches of their own.

    Both libraries read ``HF_ENDPOINT`` when they are imported: their constants are set as well as the variables, which
    are for commands that the test starts.
    """
    import datasets.config
    import huggingface_hub.constants

    hub = Hub()
    app = Request.application(lambda request: _Call(hub, request).answer())
    quiet = type("Quiet", (WSGIRequestHandler,), {"log_request": lambda *_: None})
    with make_server("127.0.0.1", 0, app, threaded=True, request_handler=quiet) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "HF_HUB_CACHE": str(cache / "hub")}
        variables |= {"HF_DATASETS_CACHE": str(cache / "datasets"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        variables |= {"HF_HUB_DISABLE_XET": "1"}  # what is uploaded goes the way of git LFS, which every hub takes
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
        monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(cache / "harnesses.json"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
        monkeypatch.setattr(
            datasets.config, "HUB_DATASETS_URL", hub.url + "/datasets/{repo_id}/resolve/{revision}/{path}"
        )
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        hub.stop = stop
        try:
            yield hub
        finally:
            stop()
        assert not hub.unknown, f"the stand-in was asked what it does not know: {hub.unknown}"
