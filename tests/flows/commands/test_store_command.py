"""``acento store``: whether it can be used, what is in it, what takes the room, and what can go."""

import os
import time
from pathlib import Path

import pytest
from s3 import S3Server
from stores import S3Place, put
from typer.testing import CliRunner, Result

from acento.core.store import LocalStore, open_store
from flows.cli import app


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


def call(*arguments: str) -> Result:
    """Run ``acento store`` in this process."""
    return CliRunner().invoke(app, ["store", *arguments])


def aged(store: LocalStore, days: float) -> None:
    """Let everything in the store have been written so long ago."""
    then = time.time() - 86_400 * days
    for path in store.root.rglob("*"):
        os.utime(path, (then, then))


def test_the_commands_are_listed() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    assert "store" in said
    for verb in ("check", "ls", "du", "gc"):
        assert verb in call("--help").output


def test_check_says_how_long_each_thing_took(store: LocalStore) -> None:
    done = call("check")
    assert done.exit_code == 0
    assert done.output.count(" ok") == 6
    assert str(store.root) in done.output.replace("\n", "")
    assert list(store.walk()) == []


def test_check_of_a_store_that_cannot_be_written_fails_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "file"))
    done = call("check")
    assert done.exit_code == 1
    assert "failed" in done.output
    assert "cannot be written" in done.stderr.replace("\n", " ")


def test_ls_shows_folders_and_files_with_their_sizes(store: LocalStore) -> None:
    put(store, "jobs/a", "x" * 5000)
    put(store, "jobs/b")
    store.create_exclusive("requests/one.json", b"{}")
    assert [line.split()[0] for line in call("ls").output.splitlines()[1:]] == ["jobs/", "requests/"]
    assert [line.split()[0] for line in call("ls", "jobs").output.splitlines()[1:]] == ["a/", "b/"]
    said = call("ls", "jobs/a/").output
    assert "text.txt  5.0 kB" in said
    assert "_complete" not in said
    assert call("ls", "nothing").exit_code == 1


def test_du_adds_up_what_each_kind_takes(store: LocalStore) -> None:
    put(store, "models/m/1/model", "x" * 900_000)
    put(store, "jobs/a/attempt-1", "x" * 3000)
    lines = call("du").output.splitlines()
    assert lines[1].split()[0] == "models"
    assert "900.1 kB" in lines[1]
    assert lines[2].split()[0] == "jobs"
    assert any(line.startswith("in all") for line in lines)


def test_gc_shows_what_can_go_and_removes_it_only_when_told_to(store: LocalStore) -> None:
    put(store, "prepared/old", "x" * 2000)
    put(store, "models/m/1/model")
    assert "There is nothing to remove" in call("gc").output
    assert "1 more things are younger than 7 days" in call("gc").output
    aged(store, 8)
    shown = call("gc")
    assert shown.exit_code == 0
    assert "prepared audio" in shown.output
    assert "2.1 kB" in shown.output
    assert "Nothing was removed; add --yes" in shown.output
    assert store.find("prepared/old")
    assert "There is nothing" in call("gc", "--older-than", "9", "--yes").output
    assert "removed  1 things, 2.1 kB" in call("gc", "--yes").output
    assert store.find("prepared/old") is None
    assert store.find("models/m/1/model", verify=True)


def test_a_folder_has_no_copies_to_remove(store: LocalStore) -> None:
    assert f"There are no copies of {store.url}" in call("gc", "--copies").output.replace("\n", "")


@pytest.mark.slow
def test_on_s3_it_shows_the_copies_of_this_machine_and_removes_them(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = S3Place(s3)
    monkeypatch.setenv("ACENTO_STORE", place.url)
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    put(open_store(place.url), "models/m/1/model", "x" * 4000)
    assert call("check").output.count(" ok") == 6
    assert "text.txt" in call("ls", "models/m/1/model").output
    assert "copies here  4.0 kB" in call("du").output
    assert "removed  0 B" in call("gc", "--copies").output
    assert "removed  4.0 kB" in call("gc", "--copies", "--older-than", "0").output
    assert open_store(place.url).read_bytes("models/m/1/model", "text.txt") == b"x" * 4000


@pytest.mark.slow
def test_on_s3_check_says_which_credentials_are_wrong(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", S3Place(s3).url)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    done = call("check")
    assert done.exit_code == 1
    assert "are wrong (SignatureDoesNotMatch)" in done.stderr.replace("\n", " ")
