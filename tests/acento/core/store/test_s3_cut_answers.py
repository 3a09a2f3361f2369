"""Answers of an S3 endpoint that are cut or garbled on the way: each request is made again."""

import re
import ssl

import pytest
from stores import S3Place

from acento.core.errors import TransientError
from acento.core.store import s3 as s3_store
from acento.core.store.s3 import S3Objects
from acento.core.store.s3_errors import Retries, may_pass
from tests.acento.core.store.fault_proxy import Faults, fault_proxy

SOON = Retries(first_s=0.01)


def _parts(answer: bytes) -> tuple[bytes, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def _without_length(head: bytes) -> bytes:
    """Return the head of an answer that ends where its connection does."""
    return re.sub(rb"\r\n(content-length|transfer-encoding):[^\r]*", b"", head, flags=re.I)


def cut_in_body(answer: bytes) -> bytes:
    head, body = _parts(answer)
    return head + b"\r\n\r\n" + body[: len(body) // 2] if len(body) > 1 else answer


def cut_without_length(answer: bytes) -> bytes:
    head, body = _parts(answer)
    return _without_length(head) + b"\r\n\r\n" + body[: len(body) // 2] if body.startswith(b"<") else answer


def no_body(answer: bytes) -> bytes:
    head, body = _parts(answer)
    return _without_length(head) + b"\r\n\r\n" if body.startswith(b"<") else answer


def wrong_chunks(answer: bytes) -> bytes:
    head, body = _parts(answer)
    return _without_length(head) + b"\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body if body else answer


def cut_in_head(answer: bytes) -> bytes:
    return answer[:20]


def not_http(_: bytes) -> bytes:
    return b"<html>the proxy is restarting</html>"


EVERY = (cut_in_body, wrong_chunks, cut_in_head, not_http)
IN_XML = (*EVERY, cut_without_length, no_body)


@pytest.fixture
def place(s3):
    return S3Place(s3)


@pytest.fixture
def proxy(s3, monkeypatch):
    with fault_proxy(s3) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


@pytest.fixture
def objects(place, proxy):  # noqa: ARG001 - the client is made when the proxy is there
    s3_objects = S3Objects(place.url, SOON)
    s3_objects.put_new("there", b"hello")
    return s3_objects


def spoil(proxy, edit, times=2):
    proxy.edit, proxy.most, proxy.faults = edit, len(proxy.made) + times, Faults(edit=1)


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("edit", EVERY)
def test_an_object_that_is_not_there_is_asked_for_again_when_the_answer_was_cut(objects, proxy, edit):
    spoil(proxy, edit)
    assert objects.get("nowhere") is None
    assert proxy.made == ["edit"] * 2


@pytest.mark.parametrize("edit", EVERY)
def test_a_body_that_was_cut_is_read_again(objects, proxy, edit):
    spoil(proxy, edit)
    assert objects.get("there") == b"hello"
    assert proxy.made == ["edit"] * 2


@pytest.mark.parametrize("edit", IN_XML)
def test_a_list_that_was_cut_is_asked_for_again_and_never_taken_for_an_empty_one(objects, proxy, edit):
    spoil(proxy, edit)
    assert [one.key for one in objects.list("")] == ["there"]
    assert proxy.made == ["edit"] * 2


@pytest.mark.parametrize("edit", IN_XML)
def test_a_list_of_unfinished_uploads_that_was_cut_is_asked_for_again(objects, place, s3, proxy, edit):
    s3.client().create_multipart_upload(Bucket=place.bucket, Key="some/prefix/large.bin")
    spoil(proxy, edit)
    assert len(objects.unfinished(4e9)) == 1
    assert proxy.made == ["edit"] * 2


@pytest.mark.parametrize("edit", EVERY)
def test_of_two_writers_one_creates_an_object_though_the_refusal_was_cut(objects, proxy, edit):
    spoil(proxy, edit)
    assert not objects.put_new("there", b"other")
    assert objects.get("there") == b"hello"


@pytest.mark.parametrize("edit", IN_XML)
def test_a_large_file_is_written_though_the_answers_to_its_parts_were_cut(objects, proxy, tmp_path, monkeypatch, edit):
    monkeypatch.setattr(s3_store, "PART", 5 << 20)
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * (11 << 20))
    spoil(proxy, edit)
    objects.put_file("large", path)
    proxy.faults = Faults()
    assert objects.get("large") == path.read_bytes()


def test_with_all_answers_cut_the_endpoint_is_said_to_be_away(objects, proxy):
    spoil(proxy, cut_in_body, times=100)
    with pytest.raises(TransientError, match=r"does not answer .*try again later"):
        objects.get("nowhere")


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("EOF occurred in violation of protocol (_ssl.c:1006)", True),
        ("[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed or bad record mac", True),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", False),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", False),
    ],
)
def test_a_tls_connection_that_broke_may_pass_and_a_certificate_does_not(said, passes):
    from botocore.exceptions import SSLError

    assert may_pass(SSLError(endpoint_url="https://store", error=said)) is passes
    assert may_pass(ssl.SSLError(1, said)) is passes
