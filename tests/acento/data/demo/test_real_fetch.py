"""Fetching Debian's packages: what cannot be had is said in a sentence. No network: apt-get is a stand-in."""

import os
import textwrap
from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.data.demo.real.fetch import download_debian


def program(path: Path, script: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(script)}")
    path.chmod(0o755)
    return path


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
