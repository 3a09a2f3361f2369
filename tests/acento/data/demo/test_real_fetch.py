"""Fetching packages: what is kept is whole, and what cannot be had is said in a sentence. No network: pip and apt-get
are stand-ins on the PATH."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from acento.core.errors import InputError, StoreError
from acento.data.demo.real.fetch import cached_folder, download_debian, download_wheels


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

    assert cached_folder("thing", fill) == cached_folder("thing", fill) == cache / "thing"
    assert (cache / "thing" / "content").read_text() == "whole"
    assert len(calls) == 1


def test_a_failure_leaves_nothing(cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "content").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError):
        cached_folder("thing", fill)
    assert [path.name for path in cache.rglob("*")] == ["tmp"]


def test_a_kill_half_way_leaves_nothing_that_counts_and_the_next_call_clears_it_away(cache: Path) -> None:
    code = """
        import os, signal
        from acento.data.demo.real.fetch import cached_folder
        def fill(folder):
            (folder / "content").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        cached_folder("thing", fill)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (cache / "thing").exists()
    assert [path.read_text() for path in cache.rglob("content")] == ["half"]
    cached_folder("thing", lambda folder: (folder / "content").write_text("whole") and None)
    assert [path.read_text() for path in cache.rglob("content")] == ["whole"]


def test_of_two_at_once_the_first_one_stays(cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "content").write_text("second")
        (cache / "thing").mkdir()
        (cache / "thing" / "content").write_text("first")

    assert (cached_folder("thing", fill) / "content").read_text() == "first"
    assert list((cache / "tmp").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="cannot be written"):
        cached_folder("thing", lambda _folder: None)


def test_wheels_come_in_the_order_of_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "$@" > "$0.said"; until [ "$1" = --dest ]; do shift; done; cd "$2"; touch b.whl a.whl'
    pip = program(tmp_path / "python", script)
    monkeypatch.setattr(sys, "executable", str(pip))
    found = download_wheels(["a==1", "b==2"], tmp_path / "wheels")
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
        download_wheels(["a==1"], tmp_path / "wheels")


def test_where_there_is_no_apt_a_sentence_names_the_way_with_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as refused:
        download_debian(["words"], tmp_path / "unpacked")
    sentence = str(refused.value)
    assert "(words), and this machine has no apt-get and no dpkg: run it on Debian or Ubuntu" in sentence
    assert "acento specialize --source OWNER/DATA --dataset NAME --base-model openai/whisper-base" in sentence


def with_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apt: str) -> None:
    program(tmp_path / "bin" / "apt-get", f'echo "$@" >> {tmp_path}/calls\n{textwrap.dedent(apt)}')
    program(tmp_path / "bin" / "dpkg", 'echo unpacked > "$3/$(basename "$2")"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def test_packages_are_downloaded_and_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_apt(tmp_path, monkeypatch, "touch words_1.deb")
    download_debian(["words"], tmp_path / "unpacked")
    assert [path.name for path in (tmp_path / "unpacked").iterdir()] == ["words_1.deb"]
    assert (tmp_path / "calls").read_text().count("\n") == 1


def test_where_the_machine_has_no_lists_they_are_fetched_into_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt = """
        case "$*" in
          *Dir::State=*download*|*download*Dir::State=*) touch words_1.deb ;;
          *update*Dir::State=*) ;;
          *) echo "E: Unable to locate package words" >&2; exit 100 ;;
        esac
    """
    with_apt(tmp_path, monkeypatch, apt)
    download_debian(["words"], tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "words_1.deb").is_file()
    calls = [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]
    assert calls == ["download", "update", "download"]
    assert f"Dir::State={tmp_path}" in (tmp_path / "calls").read_text()


def test_what_apt_does_not_get_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_apt(tmp_path, monkeypatch, 'echo "W: slow" >&2; echo "E: Unable to locate package words" >&2; exit 100')
    with pytest.raises(InputError, match=r"apt-get did not get words \(Unable to locate package words\)\. Check the"):
        download_debian(["words"], tmp_path / "unpacked")
