"""Who may train a job: one process at a time, and the next one when that is gone."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from acento.core.errors import TransientError
from acento.core.store import LocalStore, Store
from acento.training.lease import HOLD_S, Holder, born, held, release_of

FOLDER = "jobs/x/lease"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "store")


class Clock:
    """A clock that is set by hand."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def write(store: Store, number: int, holder: Holder) -> None:
    fields = {name: getattr(holder, name) for name in Holder.__dataclass_fields__}
    assert store.create_exclusive(f"{FOLDER}/{number:06d}.json", json.dumps(fields).encode())


def files(store: Store) -> list[str]:
    return [key.rpartition("/")[2] for key in store.list_files(FOLDER)]


def test_a_second_one_hears_who_has_it_and_since_when(store: Store) -> None:
    clock = Clock()
    with (
        held(store, FOLDER, "whisper on demo", clock),
        pytest.raises(
            TransientError, match=rf"whisper on demo is being trained by process {os.getpid()} on .* since 1970"
        ),
        held(store, FOLDER, "whisper on demo", clock),
    ):
        pytest.fail("two have the lease")
    with held(store, FOLDER, "whisper on demo", clock):
        pass


def test_it_is_given_back_when_the_work_fails(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), held(store, FOLDER, "work"):
        1 / 0  # noqa: B018
    with held(store, FOLDER, "work"):
        pass
    assert len(files(store)) == 1, "only what is in force is kept"


def test_a_dead_process_of_this_host_is_taken_over_at_once(store: Store) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    birth = born(child.pid)
    assert birth is not None
    clock = Clock()
    write(store, 7, Holder("a", socket.gethostname(), child.pid, birth, clock.now, clock.now + HOLD_S))
    with pytest.raises(TransientError, match=f"process {child.pid}"), held(store, FOLDER, "work", clock):
        pytest.fail("the holder lives")
    child.kill()
    child.wait()
    with held(store, FOLDER, "work", clock):
        assert files(store) == ["000008.json"]


def test_a_process_that_has_the_number_of_a_dead_one_holds_nothing(store: Store) -> None:
    clock = Clock()
    write(store, 1, Holder("a", socket.gethostname(), os.getpid(), "long ago", clock.now, clock.now + HOLD_S))
    with held(store, FOLDER, "work", clock):
        pass


def test_another_host_is_taken_over_when_its_time_is_up(store: Store) -> None:
    clock = Clock()
    write(store, 1, Holder("a", "elsewhere", 4, "then", clock.now, clock.now + HOLD_S))
    with pytest.raises(TransientError, match="process 4 on elsewhere"), held(store, FOLDER, "work", clock):
        pytest.fail("its time is not up")
    clock.now += HOLD_S
    with held(store, FOLDER, "work", clock):
        pass


def test_it_is_given_back_for_a_machine_that_is_known_to_be_gone_and_for_no_other(store: Store) -> None:
    clock = Clock()
    write(store, 1, Holder("x", "container-1", 7, "1", clock.now, clock.now + HOLD_S))
    assert not release_of(store, FOLDER, "container-1", 8)
    assert not release_of(store, FOLDER, "container-2", 7)
    with pytest.raises(TransientError), held(store, FOLDER, "whisper on demo", clock):
        pass
    assert release_of(store, FOLDER, "container-1", 7)
    with held(store, FOLDER, "whisper on demo", clock):
        pass
    assert not release_of(store, FOLDER, "container-1", 7)


def test_renewed_it_holds_for_longer(store: Store) -> None:
    clock = Clock()
    with held(store, FOLDER, "work", clock) as lease:
        lease.renew()
        assert files(store) == ["000001.json"], "it has not to be renewed at every step"
        clock.now += 0.6 * HOLD_S
        lease.renew()
        assert files(store) == ["000002.json"]
        data = store.read_file(f"{FOLDER}/000002.json")
        assert data is not None
        assert json.loads(data)["until"] == clock.now + HOLD_S


def test_a_holder_that_was_taken_over_ends_and_gives_nothing_back(store: Store) -> None:
    clock = Clock()
    with held(store, FOLDER, "work", clock) as lease:
        write(store, 2, Holder("b", "elsewhere", 9, "now", clock.now, clock.now + HOLD_S))
        with pytest.raises(TransientError, match="Another process took over"):
            lease.renew(force=True)
    with pytest.raises(TransientError, match="process 9 on elsewhere"), held(store, FOLDER, "work", clock):
        pytest.fail("the other one has it")


def test_of_two_that_take_it_at_once_one_gets_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    real, raced = store.create_exclusive, []

    def race(key: str, data: bytes) -> bool:
        if not raced:
            raced.append(key)
            assert real(key, json.dumps(json.loads(data) | {"host": "elsewhere", "pid": 5}).encode())
        return real(key, data)

    monkeypatch.setattr(store, "create_exclusive", race)
    with pytest.raises(TransientError, match="process 5 on elsewhere"), held(store, FOLDER, "work", clock):
        pytest.fail("the other one was first")


def test_a_process_that_is_gone_has_no_birth() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert born(child.pid) is None
