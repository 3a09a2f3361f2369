"""The store in an S3 bucket: what a network and a server can do to it, and who may use it."""

import errno
import logging
import os
import signal
import time
from dataclasses import replace

import pytest
from stores import S3Place, forget_copies, put

from acento.core.errors import DamagedError, InputError, StoreError, TransientError
from acento.core.store import MARKER, open_store
from acento.core.store import s3 as s3_store
from acento.core.store.objects import ObjectStore
from acento.core.store.s3 import S3Objects
from acento.core.store.s3_errors import Retries
from tests.acento.core.store.fault_proxy import Faults, fault_proxy

pytestmark = pytest.mark.slow

SOON = Retries(first_s=0.01)


@pytest.fixture
def place(s3):
    return S3Place(s3)


@pytest.fixture
def proxy(s3, monkeypatch):
    """Let all requests go through a proxy, whose faults a test sets."""
    with fault_proxy(s3) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


def opened(place, cache=None):
    return ObjectStore(S3Objects(place.url, SOON), cache)


def test_with_errors_cuts_and_delays_nothing_is_lost_and_nothing_is_half_written(place, proxy, tmp_path):
    proxy.faults = Faults(seed=6, error=0.05, lost=0.05, cut_request=0.05, cut_response=0.05, delay=0.05)
    writer = opened(place, tmp_path / "writer")
    for number in range(15):
        assert put(writer, f"jobs/{number:02d}", f"text {number} " * 1000, number=number)
        assert writer.create_exclusive(f"aliases/{number:02d}", b"the same"), "its own object taken for another's"
        assert not writer.create_exclusive(f"aliases/{number:02d}", b"the same")
    reader = opened(place, tmp_path / "reader")
    assert list(reader.list("jobs")) == [f"jobs/{number:02d}" for number in range(15)]
    assert len(list(reader.list_files("aliases"))) == 15
    for number in range(15):
        assert reader.find(f"jobs/{number:02d}", verify=True).info == {"number": number}
        assert reader.read_bytes(f"jobs/{number:02d}", "text.txt").decode() == f"text {number} " * 1000
    assert set(proxy.made) >= {"error", "lost", "cut_request", "cut_response", "delay"}
    assert len(place.names()) == 15 * 3


def test_a_large_file_survives_faults_in_any_of_its_parts(place, proxy, tmp_path, monkeypatch):
    monkeypatch.setattr(s3_store, "PART", 5 << 20)  # the least that the protocol allows
    proxy.faults = Faults(seed=3, error=0.1, lost=0.1, cut_request=0.1, cut_response=0.1)
    data = os.urandom(32 << 20)
    writer = opened(place, tmp_path / "writer")
    with writer.publish("jobs/large") as draft:
        (draft.folder / "data.bin").write_bytes(data)
    assert opened(place, tmp_path / "reader").read_bytes("jobs/large", "data.bin") == data
    assert len(set(proxy.made)) > 2


def test_listing_takes_one_request_a_page_and_none_for_each_key(place, proxy, monkeypatch):
    store = opened(place)
    for number in range(9):
        put(store, f"jobs/{number}")
    before = len(proxy.requests)
    assert len(list(store.list("jobs"))) == 9
    assert len(proxy.requests) - before == 1
    monkeypatch.setattr(s3_store, "PAGE", 4)
    before = len(proxy.requests)
    assert len(list(store.list("jobs"))) == 9
    assert len(proxy.requests) - before == 5  # 18 objects


def _work(url):
    """Publish, point, publish again: what a killed writer is run again to do."""
    store = ObjectStore(S3Objects(url, SOON))
    with store.publish("jobs/a") as draft:
        (draft.folder / "one.txt").write_text("one" * 100)
        (draft.folder / "two.txt").write_text("two" * 100)
        draft.info["n"] = 1
    store.create_exclusive("aliases/one", b"jobs/a")
    put(store, "jobs/b", "b" * 100)


def _killed(proxy, url, number, when):
    """Do the work in a forked process that is killed before or after its request of this number."""
    first, child = len(proxy.requests), os.fork()
    if child == 0:
        try:
            _work(url)
        finally:
            os._exit(1)

    def kill(count):
        if count - first == number:
            os.kill(child, signal.SIGKILL)

    setattr(proxy, when, kill)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    setattr(proxy, when, lambda _: None)


def _state(url, cache):
    """Return what a reader sees."""
    store = ObjectStore(S3Objects(url), cache)
    found = {}
    for key in store.list("jobs"):
        artifact = store.find(key, verify=True)
        found[key] = artifact and (artifact, {name: store.read_bytes(key, name) for name in artifact.files})
    return found, {key: store.read_file(key) for key in store.list_files("aliases")}


def test_killed_at_any_request_and_run_again_the_store_reads_as_if_never_killed(s3, proxy, tmp_path):
    whole = S3Place(s3)
    _work(whole.url)
    requests = [*proxy.requests]
    expected = _state(whole.url, tmp_path / "whole")
    assert len(expected[0]) == 2
    trials = [(number, "before") for number in range(1, len(requests) + 1)]
    trials += [(number, "after") for number, line in enumerate(requests, 1) if line.startswith("PUT")]
    for number, when in trials:
        place = S3Place(s3)
        _killed(proxy, place.url, number, when)
        seen = _state(place.url, tmp_path / f"{number}-{when}-seen")
        assert all(each == expected[0][key] for key, each in seen[0].items()), f"half-written, killed {when} {number}"
        _work(place.url)
        assert _state(place.url, tmp_path / f"{number}-{when}") == expected, f"killed {when} request {number}"


def test_a_download_that_was_damaged_on_the_way_is_fetched_again(place, proxy, tmp_path):
    put(opened(place))
    reader = opened(place, tmp_path / "reader")
    proxy.faults, proxy.most = Faults(flip=1), 1
    assert reader.read_bytes("jobs/a", "text.txt") == b"hello"
    assert proxy.made == ["flip"]


def test_a_download_that_is_damaged_twice_is_an_error_and_no_copy_stays(place, proxy, tmp_path):
    put(opened(place))
    reader = opened(place, tmp_path / "reader")
    proxy.faults = Faults(flip=1)
    with pytest.raises(DamagedError, match=r"text\.txt is damaged"):
        reader.local_path("jobs/a", "text.txt")
    assert not [path for path in (tmp_path / "reader").rglob("*") if path.is_file()]


def test_a_copy_that_was_damaged_on_this_machine_is_fetched_again(place, tmp_path):
    put(opened(place))
    copy = opened(place, tmp_path / "reader").local_path("jobs/a", "text.txt")
    copy.write_text("hullo")
    assert opened(place, tmp_path / "reader").read_bytes("jobs/a", "text.txt") == b"hello"


def test_a_server_that_never_answers_is_said_to_be_away_after_some_tries(place, proxy):
    store = opened(place)
    proxy.faults = Faults(error=1)
    with pytest.raises(TransientError, match=r"does not answer \((SlowDown|InternalError)\); try again later"):
        store.read_file("aliases/one")
    assert len(proxy.requests) == SOON.attempts


def test_a_server_that_is_not_there_is_said_to_be_away(place, monkeypatch):
    from servers import free_port

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match="does not answer"):
        opened(place).check_writable()


@pytest.mark.parametrize("answer", [(507, "InsufficientStorage"), (400, "QuotaExceeded"), (507, "XMinioStorageFull")])
def test_a_store_without_room_is_one_sentence_and_nothing_half_written(place, proxy, answer):
    store = opened(place)
    proxy.faults = Faults(answer=answer)
    with pytest.raises(StoreError, match=f"has no room.*{answer[1]}"):
        put(store)
    assert place.names() == []


def test_a_folder_for_copies_without_room_is_one_sentence(place, tmp_path, monkeypatch):
    put(opened(place))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(S3Objects, "get_file", full)
    reader = opened(place, tmp_path / "reader")
    with pytest.raises(StoreError, match=r"No space left.*ACENTO_CACHE"):
        reader.local_path("jobs/a", "text.txt")
    with pytest.raises(StoreError, match=r"No space left.*ACENTO_CACHE"), reader.publish("jobs/b"):
        full()


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (lambda s3: replace(s3, access_key="AKIAWRONG"), "are wrong .InvalidAccessKeyId"),
        (lambda s3: replace(s3, secret_key="x" * 40), "are wrong .SignatureDoesNotMatch"),
        (lambda s3: s3.reader(), "do not allow this .AccessDenied"),
    ],
    ids=["unknown key", "wrong secret", "may only read"],
)
def test_who_may_not_write_is_told_so_in_one_sentence(place, s3, monkeypatch, who, said):
    for name, value in who(s3).environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        open_store(place.url).check_writable()


def test_without_credentials_the_sentence_says_which_to_set(place, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"):
        open_store(place.url).check_writable()


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_missing_is_one_sentence():
    store = open_store("s3://acento-never-made/p")
    for use in (store.check_writable, lambda: list(store.list("runs")), lambda: store.read_file("a")):
        with pytest.raises(InputError, match="There is no bucket 'acento-never-made'"):
            use()


def test_credentials_are_in_no_log_and_no_error(place, s3, proxy, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token-that-nobody-may-see")
    proxy.faults = Faults(answer=(400, "Strange"))
    with pytest.raises(StoreError) as raised:
        open_store(place.url).check_writable()
    said = caplog.text + str(raised.value) + str(raised.value.__cause__)
    for secret in (s3.secret_key, s3.access_key, "a-token-that-nobody-may-see"):
        assert secret not in said


def test_an_endpoint_that_overwrites_is_refused_before_work_begins(place):
    store = open_store(place.url)

    def forget(request, **_):
        del request.headers["If-None-Match"]

    events = s3_store.connect(store.objects._retries).s3.meta.events
    events.register("before-sign.s3.PutObject", forget)
    try:
        with pytest.raises(InputError, match="cannot create an object only where there is none"):
            store.check_writable()
    finally:
        events.unregister("before-sign.s3.PutObject", forget)
    assert place.names() == []


def test_what_a_killed_writer_left_is_never_listed_and_can_be_ended(place, s3):
    store = opened(place)
    put(store)
    place.delete(f"jobs/a/{MARKER}")
    s3.client().create_multipart_upload(Bucket=place.bucket, Key="some/prefix/jobs/a/_files/x/large.bin")
    assert list(store.list("jobs")) == []
    assert store.unfinished(0) == []
    (left,) = store.unfinished(time.time() + 60)
    store.abandon([left])
    assert store.unfinished(time.time() + 60) == []


def test_a_copy_is_kept_between_processes(place, proxy, tmp_path):
    put(opened(place))
    opened(place, tmp_path / "reader").local_path("jobs/a", "text.txt")
    before = len(proxy.requests)
    again = opened(place, tmp_path / "reader")
    assert again.read_bytes("jobs/a", "text.txt") == b"hello"
    assert again.read_bytes("jobs/a", "text.txt") == b"hello"
    assert len(proxy.requests) - before == 1  # the marker
    forget_copies(again)
    assert again.read_bytes("jobs/a", "text.txt") == b"hello"
