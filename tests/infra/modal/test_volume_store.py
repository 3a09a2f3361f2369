"""The store in a Modal volume: who creates a name, what a dead creator leaves, and what goes wrong in a sentence.

What all stores have in common is tested in ``tests/acento/core/store/test_contract.py``.
"""

import uuid
from collections.abc import Callable
from typing import Any

import modal as client
import pytest
from modal.exception import ExecutionError, ServiceError
from modal_service import ModalService

from acento.core.errors import InputError
from acento.core.store import open_store
from infra.modal import store as volume_store
from infra.modal.store import VolumeObjects, parse

pytestmark = pytest.mark.slow


@pytest.fixture
def url(modal: ModalService, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001 - its environment
    monkeypatch.setattr(volume_store, "_FIRST_WAIT_S", 0.01)
    return f"modal://volume-{uuid.uuid4().hex[:8]}/team"


def claims(url: str) -> Any:
    return client.Dict.from_name(f"{parse(url)[0]}-claims", create_if_missing=True)


def test_who_finds_the_name_taken_and_its_owner_dead_writes_the_owner_s_file(url: str) -> None:
    claims(url).put("team/locks/1", ("somebody who died", b"theirs"))
    objects = VolumeObjects(url)
    assert objects.get("locks/1") is None
    assert not objects.put_new("locks/1", b"mine")
    assert objects.get("locks/1") == b"theirs"


def test_a_claim_whose_answer_was_lost_is_still_one_s_own(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = VolumeObjects(url)
    put, times = objects._claims.put, []

    def lossy(*arguments: Any, **options: Any) -> bool:
        answer = put(*arguments, **options)
        times.append(answer)
        if len(times) == 1:
            raise ServiceError("the connection was cut")
        return bool(answer)

    monkeypatch.setattr(objects._claims, "put", lossy)
    assert objects.put_new("locks/1", b"mine")
    assert times == [True, False]
    assert objects.get("locks/1") == b"mine"


def test_a_file_that_is_removed_while_it_is_read_is_not_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, other = VolumeObjects(url), VolumeObjects(url)
    objects.put("records/1", b"one")
    read = volume_store.ApiFiles.read

    def overtaken(*_: Any) -> bytes:
        monkeypatch.undo()
        other.delete(["records/1"])  # the volume has said where the file's blocks are, and then they are gone
        raise ExecutionError("Request failed with status 404 Not Found: <unavailable>")

    monkeypatch.setattr(volume_store.ApiFiles, "read", overtaken)
    assert objects.get("records/1") is None
    assert volume_store.ApiFiles.read is read


def test_a_name_that_was_removed_can_be_created_again(url: str) -> None:
    objects = VolumeObjects(url)
    assert objects.put_new("locks/1", b"first")
    objects.delete(["locks/1"])
    assert objects.get("locks/1") is None
    assert objects.put_new("locks/1", b"second")
    assert objects.get("locks/1") == b"second"


def test_stores_with_different_prefixes_share_a_volume_and_see_nothing_of_each_other(url: str) -> None:
    one, other = VolumeObjects(url), VolumeObjects(url.replace("/team", "/other"))
    assert one.put_new("locks/1", b"one")
    assert other.put_new("locks/1", b"other")
    assert [found.key for found in one.list("")] == ["locks/1"]
    assert one.get("locks/1") == b"one"


def test_a_wrong_token_is_one_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch, fresh_client: Callable[[], None]
) -> None:
    monkeypatch.setenv("MODAL_TOKEN_SECRET", "wrong")
    fresh_client()
    with pytest.raises(InputError, match=r"Modal did not let us write .* run `modal token new`"):
        open_store(url).check_writable()


@pytest.mark.parametrize("url", ["modal://", "modal:///team"])
def test_a_url_without_a_volume_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="names no Modal volume: write modal://acento-results"):
        open_store(url)
