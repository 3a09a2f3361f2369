"""The stand-in for Modal's service itself: it refuses what it does not expect, and its volumes have Modal's manners."""

from collections.abc import Callable, Iterator
from pathlib import Path

import modal as client
import pytest
from modal.exception import AuthError, InvalidError, UnimplementedError
from modal_service import ModalService
from modal_service.volumes import Mount

pytestmark = pytest.mark.slow


@pytest.fixture
def refusing(modal: ModalService) -> Iterator[ModalService]:
    """Let a test be refused without failing for it."""
    yield modal
    modal.book.refused.clear()


def test_a_call_it_does_not_know_is_refused(refusing: ModalService) -> None:
    with pytest.raises(UnimplementedError):
        client.Volume.from_name("manners", create_if_missing=True, version=2).copy_files(["a"], "b")
    assert refusing.book.refused == ["VolumeCopyFiles2"]


def test_a_field_it_does_not_expect_is_refused(refusing: ModalService) -> None:
    app = client.App.lookup("stand-in", create_if_missing=True)
    with pytest.raises(InvalidError, match=r"expects no definition\.verbose in SandboxCreateV2"):
        client.Sandbox.create("true", app=app, verbose=True)
    assert refusing.book.refused == ["SandboxCreateV2: definition.verbose"]


def test_a_wrong_token_is_refused(
    modal: ModalService, monkeypatch: pytest.MonkeyPatch, fresh_client: Callable[[], None]
) -> None:
    monkeypatch.setenv("MODAL_TOKEN_SECRET", "wrong")
    fresh_client()
    with pytest.raises(AuthError, match="is not valid"):
        client.App.lookup("stand-in")
    assert modal.book.refused == []


def test_a_sandbox_has_the_variables_it_was_given_and_nothing_of_this_process(
    modal: ModalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THIS_PROCESS", "1")
    modal.secrets["given"] = {"BY_NAME": "2"}
    app = client.App.lookup("stand-in", create_if_missing=True)
    secret = client.Secret.from_name("given")
    sandbox = client.Sandbox.create("env", app=app, env={"INLINE": "3"}, secrets=[secret], timeout=30)
    found = dict(line.split("=", 1) for line in sandbox.stdout.read().splitlines())
    assert (found["BY_NAME"], found["INLINE"]) == ("2", "3")
    assert set(found) <= {"BY_NAME", "INLINE", "PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "PWD"}


def test_a_container_sees_what_was_committed_before_and_others_see_it_after_a_commit(
    modal: ModalService, tmp_path: Path
) -> None:
    client.Volume.from_name("manners", create_if_missing=True, version=2).hydrate()
    one, other = (_mounted(modal, tmp_path / name) for name in ("one", "other"))
    (one.folder / "a.txt").write_text("of one")
    modal.reload(other, set())
    assert not (other.folder / "a.txt").exists()
    modal.commit(one)
    assert not (other.folder / "a.txt").exists()
    modal.reload(other, set())
    assert (other.folder / "a.txt").read_text() == "of one"


def test_of_two_that_wrote_the_same_file_the_last_to_commit_wins(modal: ModalService, tmp_path: Path) -> None:
    client.Volume.from_name("manners", create_if_missing=True, version=2).hydrate()
    one, other = (_mounted(modal, tmp_path / name) for name in ("one", "other"))
    for mount, text in ((one, "of one"), (other, "of the other")):
        (mount.folder / "b.txt").write_text(text)
    modal.commit(other)
    modal.commit(one)
    assert modal.volume("manners").files["b.txt"].read_text() == "of one"


def _mounted(modal: ModalService, folder: Path) -> Mount:
    return modal.mount(modal.volume("manners").id, "/data", folder)


@pytest.mark.usefixtures("modal")
def test_only_a_container_that_mounts_a_volume_may_commit_it() -> None:
    volume = client.Volume.from_name("manners", create_if_missing=True, version=2)
    with pytest.raises(RuntimeError, match="only be called in a container"):
        volume.commit()
