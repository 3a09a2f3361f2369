"""A real Docker engine for tests, and the project's image on it; neither needs anything to be pulled.

The engine is the one that ``docker`` reaches, or else ``dockerd``, started with a folder and a socket of its own. The
base image is Debian's own minimal system, made by ``debootstrap`` where a registry cannot be asked. How this machine's
pip reaches its index (certificates, folders of wheels) is put into that base, so that the Dockerfile knows none of it.
"""

import functools
import http.server
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import BIN, ROOT, wait_until

PUBLIC_BASE = "python:3.11-slim-bookworm"
IMAGE = "acento-test:latest"
_BASE = "acento-test-base:latest"
_SUITE = "bookworm"
_PORT = 47831
"""Where folders of wheels are served; the same each time if it is free, so that an engine finds its layers again."""


@dataclass(frozen=True)
class Engine:
    """An engine: its address, empty for the default one, and the client that can speak to it."""

    host: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {"DOCKER_HOST": self.host} if self.host else {}

    def run(self, *arguments: str, limit_s: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run ``docker`` with these arguments; its output is text."""
        return subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            **options,
        )

    def said(self, *arguments: str, **options: Any) -> str:
        """Return what ``docker`` printed; fail, showing it, when that fails."""
        done = self.run(*arguments, **options)
        if done.returncode:
            pytest.fail(f"docker {' '.join(arguments)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout.strip()


@contextmanager
def engine() -> Iterator[Engine]:
    """Use the engine that is there, or start one; skip where neither can be done."""
    if shutil.which("docker") is None:
        pytest.skip("Docker is not installed; .ci/install-real does so on Debian.")
    there = Engine(os.environ.get("DOCKER_HOST", ""))
    if there.run("version").returncode == 0:
        try:
            yield there
        finally:
            _remove(there, "--filter", f"ancestor={IMAGE}")
        return
    if os.getuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("No Docker engine answers, and starting one takes root and dockerd.")
    folder = Path(tempfile.mkdtemp(prefix="acento-docker-"))  # a socket's path must be short
    socket = folder / "docker.sock"
    log = folder / "dockerd.log"
    command = ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "pid"), "--host", f"unix://{socket}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    started = Engine(f"unix://{socket}")
    try:
        wait_until(lambda: process.poll() is not None or started.run("version").returncode == 0, "dockerd", 60)
        if process.poll() is not None:
            pytest.skip(f"dockerd cannot run here: {log.read_text()[-500:]}")
        yield started
    finally:
        _remove(started)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (mount := line.split()[1]).startswith(str(folder)):  # the engine leaves its network's name behind
                subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _remove(engine: Engine, *which: str) -> None:
    """Remove containers, running ones too."""
    if ids := engine.run("ps", "--all", "--quiet", *which).stdout.split():
        engine.run("rm", "--force", *ids)


def project_image(engine: Engine) -> str:
    """Build the project's image from its Dockerfile and return its name; what an engine has of it already is used."""
    with _index_for_containers(engine) as base:
        engine.said(
            *("build", "--quiet", "--network=host", "--build-arg", f"BASE={base}"),
            *("--file", "infra/docker/Dockerfile", "--tag", IMAGE, "."),
            cwd=ROOT,
            limit_s=1500,
        )
    return IMAGE


@contextmanager
def _index_for_containers(engine: Engine) -> Iterator[str]:
    """Name a base image whose pip reaches what this machine's pip reaches, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="acento-base-") as name, _served() as url:
        folder = Path(name)
        lines = ["[global]"]
        for key, value in _pip_configuration().items():
            if key == "cert":
                shutil.copy(value, folder / "ca.crt")
                value = "/etc/acento-test/ca.crt"
            elif key in ("find-links", "index-url", "extra-index-url"):
                value = " ".join(_for_container(place, url) for place in value.split())
            else:
                continue
            lines.append(f"{key} = {value}")
        (folder / "pip.conf").write_text("\n".join(lines) + "\n")
        (folder / "ca.crt").touch()
        steps = [f"FROM {_plain_base(engine)}", "COPY ca.crt /etc/acento-test/ca.crt", "COPY pip.conf /etc/pip.conf"]
        (folder / "Dockerfile").write_text("\n".join(steps) + "\n")
        engine.said("build", "--quiet", "--tag", _BASE, str(folder))
        yield _BASE


def _plain_base(engine: Engine) -> str:
    """Name an image with nothing of the project in it: the public one, or Debian's minimal system made here."""
    made = f"acento-test-{_SUITE}:latest"
    for there in (made, PUBLIC_BASE):
        if engine.run("image", "inspect", there).returncode == 0:
            return there
    if engine.run("pull", PUBLIC_BASE, limit_s=600).returncode == 0:
        return PUBLIC_BASE
    if os.getuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("No image can be pulled, and making one takes root and debootstrap; .ci/install-real installs it.")
    with tempfile.TemporaryDirectory(prefix="acento-debian-") as folder:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", _SUITE, folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"debootstrap:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
            engine.said("import", "-", made, stdin=tar.stdout)
    return made


def _pip_configuration() -> dict[str, str]:
    """Return what this machine's pip is told, files and environment together; the environment wins, as with pip."""
    listed = subprocess.run([str(BIN / "pip"), "config", "list"], capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ")
    return found


def _for_container(place: str, url: str) -> str:
    """Return a folder's address through the server of this machine's folders; other addresses stay as they are."""
    path = place.removeprefix("file://")
    return f"{url}{path}/" if path.startswith("/") else place


@contextmanager
def _served() -> Iterator[str]:
    """Serve the folders that pip's configuration names, on this machine alone, and yield the server's URL."""
    folders = [
        place.removeprefix("file://")
        for key, value in _pip_configuration().items()
        if key in ("find-links", "index-url", "extra-index-url")
        for place in value.split()
    ]
    # an index refers to its files beside it: all that is below the folder above it
    allowed = tuple({str(Path(place)) for place in folders} | {str(Path(place).parent) for place in folders})

    class Folders(http.server.SimpleHTTPRequestHandler):
        def send_head(self) -> Any:
            if not self.translate_path(self.path).startswith(allowed):
                self.send_error(404)
                return None
            return super().send_head()

        def log_message(self, *_: Any) -> None:
            pass

    handler = functools.partial(Folders, directory="/")
    try:
        bound = http.server.ThreadingHTTPServer(("127.0.0.1", _PORT), handler)
    except OSError:
        bound = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with bound as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
