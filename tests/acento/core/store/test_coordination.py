"""Processes on any machine share work through the store: one has a lease, and each number of a record is given once."""

import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from stores import S3Place

from acento.core.errors import DamagedError, TransientError
from acento.core.processes import born, machine
from acento.core.store import LocalStore, open_store
from acento.core.store import coordination as module
from acento.core.store.coordination import Lease, Records, release_of
from tests.acento.core.store.fault_proxy import Faults, fault_proxy

FOLDER = "jobs/x/lease"
FORK = multiprocessing.get_context("fork")
FAST = {"beat_s": 0.1, "expiry_s": 3}


class Clock:
    """A clock that is set by hand."""

    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def local(tmp_path):
    return LocalStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.02)


def asked(store, clock=time.monotonic, **options):
    return Lease(store, FOLDER, "whisper on demo is being trained", clock=clock, **options)


def write(store, number, body):
    assert store.create_exclusive(f"{FOLDER}/{number:06d}.json", json.dumps(body).encode())


def elsewhere(id="x", **fields):
    about = {"id": id, "host": "elsewhere", "pid": 4, "born": "1", "since": 0.0, "machine": "elsewhere/1/1"}
    return {**about, "expiry_s": 60.0, "released": False, **fields}


def old(host="elsewhere", pid=4, born_="then", until=None):
    """Return a record of a version that had no heartbeat."""
    until = time.time() + 1800 if until is None else until
    return {"id": "a", "host": host, "pid": pid, "born": born_, "since": 0.0, "until": until, "released": False}


def files(store):
    return [key.rpartition("/")[2] for key in store.list_files(FOLDER)]


# ---- records


def test_records_are_numbered_and_read_from_any_number_on(place, store):
    records, reader = Records(store, "notes/mine/"), Records(place.open(), "notes/mine/")
    assert reader.since() == []
    assert [records.append({"n": n}) for n in (1, 2)] == [1, 2]
    assert reader.since() == [(1, {"n": 1}), (2, {"n": 2})]
    assert reader.since(2) == []
    assert Records(place.open(), "notes/mine/").append(["three"]) == 3
    assert reader.since(2) == [(3, ["three"])]
    assert records.append("four") == 4
    assert not records.put(4, "other")
    assert records.get(4) == "four"
    assert records.numbers() == [1, 2, 3, 4]


def test_records_of_several_kinds_share_a_folder(store):
    Records(store, "models/m/aliases/production@").append(1)
    Records(store, "models/m/aliases/pro@").append(2)
    assert Records(store, "models/m/aliases/pro@").since() == [(1, 2)]
    assert sorted(store.list_files("models/m/aliases")) == [
        "models/m/aliases/pro@000001.json",
        "models/m/aliases/production@000001.json",
    ]


def test_a_record_that_cannot_be_read_is_one_sentence(local):
    local.create_exclusive("notes/000001.json", b"{")
    with pytest.raises(DamagedError, match=r"notes/000001\.json in .* cannot be read; remove it to go back"):
        Records(local, "notes/").since()


def _append(url, writer, results):
    records = Records(open_store(url), "notes/")
    results.put([(records.append([writer, n]), [writer, n]) for n in range(5)])


@pytest.mark.slow
def test_of_many_writers_each_gets_numbers_of_its_own_and_none_is_left_out(place):
    results = FORK.Queue()
    writers = [FORK.Process(target=_append, args=(place.url, number, results)) for number in range(6)]
    for writer in writers:
        writer.start()
    written = [pair for _ in writers for pair in results.get(timeout=120)]
    for writer in writers:
        writer.join()
    found = Records(place.open(), "notes/").since()
    assert [number for number, _ in found] == [*range(1, 31)]
    assert found == sorted(written)


# ---- a lease


def test_a_second_one_is_told_who_has_it_and_since_when(local):
    with asked(local) as lease:
        assert lease.in_force
        sentence = rf"whisper on demo is being trained by process {os.getpid()} on .* since 20\d\d.* UTC; wait for it"
        with pytest.raises(TransientError, match=sentence):
            asked(local).acquire()
        assert not asked(local).is_free()
    assert not lease.in_force
    assert asked(local).is_free()
    with asked(local):
        pass


def test_it_is_given_back_when_the_work_fails(local):
    with pytest.raises(ZeroDivisionError), asked(local):
        1 / 0  # noqa: B018
    with asked(local):
        pass
    assert len(files(local)) == 2, "only the two highest are kept"


@pytest.mark.slow
def test_the_heartbeat_holds_it_for_as_long_as_the_work_takes(place):
    with Lease(place.open(), FOLDER, "work", beat_s=0.1, expiry_s=2) as lease:
        other = _as_seen_from_elsewhere(Lease(place.open(), FOLDER, "work", expiry_s=2))
        for _ in range(8):
            assert not other.try_acquire()
            time.sleep(0.3)
        assert lease.in_force
    assert other.try_acquire()
    other.release()


def _as_seen_from_elsewhere(lease):
    """Let a lease be asked for as by another machine, which knows nothing of this one's processes."""
    look = lease.look

    def foreign():
        number, holder = look()
        if holder is None or holder.released:
            return number, holder
        return number, holder.model_copy(update={"machine": "elsewhere/1/1"})

    lease.look = foreign
    return lease


def test_a_dead_process_of_this_machine_is_taken_over_at_once(local):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    about = {"host": socket.gethostname(), "machine": machine(), "pid": child.pid, "born": born(child.pid)}
    write(local, 7, elsewhere(**about))
    with pytest.raises(TransientError, match=f"process {child.pid} on"):
        asked(local).acquire()
    child.kill()
    child.wait()
    with asked(local):
        assert files(local) == ["000007.json", "000008.json"]


def test_a_process_that_has_the_number_of_a_dead_one_holds_nothing(local):
    write(local, 1, elsewhere(machine=machine(), pid=os.getpid(), born="0"))
    with asked(local):
        pass


def test_a_process_of_the_same_number_in_another_container_is_not_this_one(local):
    clock = Clock()
    write(local, 1, elsewhere(host=socket.gethostname(), pid=os.getpid()))
    lease = asked(local, clock)
    assert not lease.try_acquire()
    clock.now += 59
    assert not lease.try_acquire()


def test_a_silent_holder_on_another_machine_is_taken_over_when_it_was_seen_unchanged_for_its_expiry(local):
    clock = Clock()
    write(local, 1, elsewhere(since=4e9))  # its clock is years ahead
    lease = asked(local, clock)
    assert not lease.try_acquire()
    clock.now += 59
    assert not lease.try_acquire()
    assert not asked(local, clock).is_free(), "who has just come has not seen it unchanged"
    clock.now += 2
    assert lease.try_acquire()
    lease.release()


def test_a_holder_that_is_heard_of_is_not_taken_over_and_is_named(local):
    clock = Clock()
    write(local, 1, elsewhere())
    lease = asked(local, clock)
    assert not lease.try_acquire()
    clock.now += 59
    write(local, 2, elsewhere())
    assert not lease.try_acquire()
    clock.now += 59
    threading.Timer(0.2, write, (local, 3, elsewhere())).start()
    with pytest.raises(TransientError, match="process 4 on elsewhere since 1970-01-01 00:00:00 UTC"):
        lease.acquire()


def test_waiting_for_it_ends_when_it_is_given_back(local):
    first = asked(local).acquire()
    threading.Timer(0.3, first.release).start()
    with asked(local).acquire(wait_s=60) as lease:
        assert lease.in_force


def test_a_holder_that_was_taken_over_knows_it_and_gives_nothing_back(local):
    lease = asked(local).acquire()
    write(local, 2, elsewhere())
    lease.renew()
    assert lease.lost
    assert not lease.in_force
    with pytest.raises(TransientError, match="Another process took over"):
        lease.check()
    lease.release()
    assert files(local) == ["000001.json", "000002.json"]


def test_a_holder_that_slept_while_its_numbers_were_given_again_and_cleared_does_not_believe_to_have_it(local):
    lease = asked(local).acquire()
    write(local, 40, elsewhere())  # numbers 2 to 39 were another's, and are cleared away
    lease.renew()
    assert lease.lost
    assert files(local) == ["000001.json", "000040.json"]


def test_who_slept_before_taking_it_over_does_not_take_it_from_another(local):
    clock = Clock()
    write(local, 1, elsewhere("a"))
    lease = asked(local, clock)
    assert not lease.try_acquire()
    clock.now += 61
    put, late = local.create_exclusive, []

    def after_a_sleep(key, data):
        if not late:
            late.append(key)
            write(local, 9, elsewhere("b"))
        return put(key, data)

    local.create_exclusive = after_a_sleep
    assert not lease.try_acquire()
    assert late == [f"{FOLDER}/000002.json"]
    assert "000002.json" not in files(local)


def test_while_the_store_does_not_answer_it_is_kept_and_not_certain(local, caplog):
    clock = Clock()
    lease = asked(local, clock, beat_s=0.01).acquire()
    put = local.create_exclusive

    def away(*_):
        raise TransientError("The store does not answer.")

    local.create_exclusive = away
    with caplog.at_level(logging.WARNING, "acento.core.store.coordination"):
        _until(lambda: "could not be renewed" in caplog.text)
    clock.now += 61
    assert not lease.in_force
    assert not lease.lost
    lease.check()
    local.create_exclusive = put
    _until(lambda: lease.in_force)
    lease.release()
    assert asked(local).is_free()


def _until(said, seconds=20):
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@pytest.mark.parametrize("then", ["renew", "release"])
def test_a_record_whose_answer_was_lost_is_known_as_its_own(local, then):
    lease = asked(local).acquire()
    put = local.create_exclusive

    def lost(key, data):
        put(key, data)
        local.create_exclusive = put
        raise TransientError("The store does not answer.")

    local.create_exclusive = lost
    with pytest.raises(TransientError):
        lease.renew()
    getattr(lease, then)()
    assert not lease.lost
    lease.release()
    assert asked(local).is_free()


def test_who_was_told_of_an_error_though_it_got_the_lease_gets_it_at_the_next_try(local):
    put = local.create_exclusive

    def lost(key, data):
        put(key, data)
        local.create_exclusive = put
        raise TransientError("The store does not answer.")

    local.create_exclusive = lost
    with pytest.raises(TransientError, match="does not answer"):
        asked(local).acquire()
    with asked(local) as lease:
        assert lease.in_force


def test_it_is_given_back_for_a_machine_that_is_known_to_be_gone_and_for_no_other(local):
    write(local, 1, elsewhere(host="container-1", pid=7))
    assert not release_of(local, FOLDER, "container-1", 8)
    assert not release_of(local, FOLDER, "container-2", 7)
    assert not asked(local).is_free()
    assert release_of(local, FOLDER, "container-1", 7)
    assert asked(local).is_free()
    assert not release_of(local, FOLDER, "container-1", 7)


# ---- leases of versions that had no heartbeat


def test_an_old_lease_of_a_dead_process_of_this_host_is_taken_over_at_once(local):
    write(local, 3, old(socket.gethostname(), os.getpid(), "long ago"))
    with asked(local):
        assert files(local) == ["000003.json", "000004.json"]


def test_an_old_lease_of_a_living_process_of_this_host_is_respected(local):
    write(local, 3, old(socket.gethostname(), os.getpid(), born(os.getpid()), until=0))
    with pytest.raises(TransientError, match=f"by process {os.getpid()} on {socket.gethostname()} since 1970"):
        asked(local).acquire()


def test_an_old_lease_of_another_host_holds_until_its_time_is_up(local):
    write(local, 1, old())
    with pytest.raises(TransientError, match="process 4 on elsewhere"):
        asked(local).acquire()
    write(local, 2, old(until=time.time() - 1))
    with asked(local):
        pass


# ---- many processes


def _hold(url, results, mark):
    """Take the lease three times, and see each time that nobody else is inside."""
    store = open_store(url)
    wrong = 0
    for _ in range(3):
        with Lease(store, FOLDER, "work", beat_s=0.1).acquire(wait_s=120):
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                wrong += 1
                continue
            time.sleep(0.02)
            mark.unlink()
    results.put(wrong)


@pytest.mark.slow
def test_of_many_processes_never_two_have_it(place, tmp_path):
    results = FORK.Queue()
    mark = tmp_path / "inside"
    work = [FORK.Process(target=_hold, args=(place.url, results, mark)) for _ in range(6)]
    for process in work:
        process.start()
    assert [results.get(timeout=120) for _ in work] == [0] * 6
    for process in work:
        process.join()


def _hold_for_ever(url, begun):
    lease = Lease(open_store(url), FOLDER, "work", **FAST).acquire()
    begun.put(lease.holder and lease.holder.pid)
    time.sleep(600)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_after_kill_9_of_the_holder_another_takes_it_over(place, where):
    begun = FORK.Queue()
    holder = FORK.Process(target=_hold_for_ever, args=(place.url, begun))
    holder.start()
    begun.get(timeout=60)
    lease = Lease(place.open(), FOLDER, "work", **FAST)
    if where == "elsewhere":
        _as_seen_from_elsewhere(lease)
    with pytest.raises(TransientError, match=f"work by process {holder.pid} on"):
        lease.acquire()
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    began = time.monotonic()
    with lease.acquire(wait_s=3):  # a record that was on its way when its writer died may still arrive
        took = time.monotonic() - began
        assert lease.in_force
    assert took < (5 if where == "here" else 15)


@pytest.mark.slow
def test_a_holder_that_was_suspended_finds_that_it_was_taken_over(place):
    lost = FORK.Queue()

    def hold():
        lease = Lease(open_store(place.url), FOLDER, "work", **FAST).acquire()
        lost.put("begun")
        _until(lambda: lease.lost, 60)
        lost.put("lost")

    holder = FORK.Process(target=hold)
    holder.start()
    assert lost.get(timeout=60) == "begun"
    os.kill(holder.pid, signal.SIGSTOP)
    with _as_seen_from_elsewhere(Lease(place.open(), FOLDER, "work", **FAST)).acquire(wait_s=60) as lease:
        os.kill(holder.pid, signal.SIGCONT)
        assert lost.get(timeout=60) == "lost"
        assert lease.in_force
    holder.join()


# ---- networks


@pytest.mark.slow
def test_with_errors_and_lost_answers_numbers_stay_without_a_gap_and_a_lease_with_its_holder(s3, monkeypatch):
    place = S3Place(s3)
    with fault_proxy(s3, Faults(seed=4, error=0.05, lost=0.15, cut_response=0.1)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        store = place.open()
        records = Records(store, "notes/")
        assert [records.append(n) for n in range(30)] == [*range(1, 31)]
        assert records.since() == [(n + 1, n) for n in range(30)]
        with Lease(store, FOLDER, "work", beat_s=0.05) as lease:
            time.sleep(3)
            lease.check()
            assert not Lease(store, FOLDER, "work").try_acquire()
        assert Lease(store, FOLDER, "work").is_free()
        assert {"error", "lost", "cut_response"} <= set(proxy.made)
