"""Objects in an S3 bucket, of AWS or any other endpoint that speaks its protocol, through s3fs.

s3fs connects, creates exclusively and carries large files in parts. This module adds one rule for retries, inside the
client so that it holds for each request of s3fs's own calls; refuses a list whose answer was cut; and makes a new file
system in a process that was forked.
"""

import logging
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acento.core.errors import AcentoError, InputError
from acento.core.store.base import Stored, together
from acento.core.store.objects import Objects
from acento.core.store.s3_errors import Retries, explain, may_pass, status

if TYPE_CHECKING:
    from s3fs import S3FileSystem

PART = 16 << 20
"""Bytes of one part of a large file; a file of two or more is carried in several parts at a time."""

MOST_PARTS = 9_000
"""An upload may have 10,000 parts: of a file for which that is not enough, they are larger."""

AT_ONCE = 4
"""Parts of one file that are carried at a time."""

DELETES = 8
"""Objects that are deleted at a time."""

PAGE = 1_000
"""Objects that one request lists: as many as there can be."""

_WRITER = "acento-writer"
_UPLOAD = "\t"
_NEEDED = {"ListObjectsV2": "IsTruncated", "ListMultipartUploads": "IsTruncated", "CreateMultipartUpload": "UploadId"}
"""A field that each whole answer has; the client reads an answer without a body as one without fields."""


class S3Objects(Objects):
    """The objects below one prefix of one bucket."""

    def __init__(self, url: str, retries: Retries | None = None) -> None:
        """Name the place, ``s3://bucket/prefix``; nothing is asked of it yet.

        Raises:
            InputError: it names no bucket, or carries credentials.
        """
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if "@" in url:
            raise InputError("The store's URL must not hold credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and …")
        if not self._bucket:
            raise InputError(f"ACENTO_STORE={url!r} names no bucket: write s3://bucket/prefix.")
        self._prefix = "".join(f"{part}/" for part in prefix.split("/") if part)
        self.url = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self._retries = retries or Retries()

    def check_writable(self) -> None:
        """See :meth:`Objects.check_writable`; sees too that the endpoint creates only what is not there."""
        key = f"checks/{uuid.uuid4().hex}"
        exclusive = self.put_new(key, b"") and not self.put_new(key, b"")
        self.delete([key])
        if not exclusive:
            raise InputError(
                f"The endpoint of {self.url} cannot create an object only where there is none "
                "(PutObject with If-None-Match), which the store needs; use a newer version of it."
            )

    def get(self, key: str) -> bytes | None:
        with suppress(FileNotFoundError), self._client() as s3:
            return bytes(s3.cat_file(self._path(key)))
        return None

    def get_file(self, key: str, path: Path, size: int) -> None:
        """See :meth:`Objects.get_file`; a large one comes in several parts at a time."""
        with path.open("wb") as file:

            def part(start: int) -> None:
                asked = {} if size <= PART else {"start": start, "end": min(start + PART, size)}
                with self._client() as s3:
                    data = memoryview(s3.cat_file(self._path(key), **asked))
                while data:
                    written = os.pwrite(file.fileno(), data, start)
                    data, start = data[written:], start + written

            together(part, range(0, max(size, 1), PART), AT_ONCE)

    def put_file(self, key: str, path: Path) -> None:
        """See :meth:`Objects.put_file`; a large one goes in several parts at a time, and appears when all are there."""
        size = path.stat().st_size
        with self._client() as s3:
            try:
                s3.put_file(
                    str(path), self._path(key), chunksize=max(PART, size // MOST_PARTS), max_concurrency=AT_ONCE
                )
            except FileNotFoundError:  # no such upload: an earlier request has completed it, and its answer was lost
                if self._head(s3, key)["ContentLength"] != size:
                    raise

    def put_new(self, key: str, data: bytes) -> bool:
        """See :meth:`Objects.put_new`.

        A request whose answer was lost may have created the object: it carries a name of its own, by which it is known.
        """
        name = uuid.uuid4().hex
        with self._client() as s3:
            try:
                s3.pipe_file(self._path(key), data, mode="create", Metadata={_WRITER: name})
            except OSError as error:
                if status(error) != 412:
                    raise
                with suppress(FileNotFoundError):  # removed since
                    return bool(self._head(s3, key)["Metadata"].get(_WRITER) == name)
                return False
        return True

    def list(self, folder: str, *, deep: bool = True) -> Iterator[Stored]:
        """See :meth:`Objects.list`: a request for each page."""
        asked: dict[str, Any] = {"Prefix": self._prefix + (f"{folder}/" if folder else ""), "MaxKeys": PAGE}
        if not deep:
            asked["Delimiter"] = "/"
        for page in self._pages("list_objects_v2", asked, {"ContinuationToken": "NextContinuationToken"}):
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._prefix)
                if key and not key.endswith("/"):  # what some consoles make for an empty folder
                    yield Stored(key, found["Size"], found["LastModified"].timestamp(), found["ETag"].strip('"'))

    def delete(self, keys: Iterable[str]) -> None:
        """See :meth:`Objects.delete`; one by one, which every endpoint can, several at a time."""

        def delete(key: str) -> None:
            with self._client() as s3:
                s3.rm_file(self._path(key))

        together(delete, keys, DELETES)

    def unfinished(self, before: float) -> Sequence[str]:
        """See :meth:`Objects.unfinished`: uploads in parts, which cost as if they were whole."""
        markers = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
        return [
            f"{each['Key']}{_UPLOAD}{each['UploadId']}"
            for page in self._pages("list_multipart_uploads", {"Prefix": self._prefix}, markers)
            for each in page.get("Uploads", ())
            if each["Initiated"].timestamp() < before
        ]

    def abandon(self, uploads: Iterable[str]) -> None:
        for name in uploads:
            key, _, upload = name.rpartition(_UPLOAD)
            with suppress(FileNotFoundError), self._client() as s3:
                s3.abort_mpu(self._bucket, key, upload)

    def _pages(self, method: str, asked: dict[str, Any], following: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list; ``following`` names what each request takes from the answer before."""
        more = True
        while more:
            with self._client() as s3:
                page = s3.call_s3(method, Bucket=self._bucket, **asked)
            yield page
            more = page["IsTruncated"]
            asked = asked | {name: page[field] for name, field in following.items() if more}

    def _head(self, s3: "S3FileSystem", key: str) -> dict[str, Any]:
        return dict(s3.call_s3("head_object", Bucket=self._bucket, Key=self._prefix + key))

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{self._prefix}{key}"

    @contextmanager
    def _client(self) -> "Iterator[S3FileSystem]":
        """Give the file system; turn its errors into sentences, but for ``FileNotFoundError`` of an absent object."""
        try:
            yield connect(self._retries)
        except AcentoError:
            raise
        except Exception as raised:
            error = raised.__cause__ if isinstance(raised, _GaveUpError) and raised.__cause__ else raised
            if status(error) == 404 and "NoSuchBucket" not in str(error.__cause__):
                raise FileNotFoundError(self.url) from error
            raise explain(error, self.url) from error


class _GaveUpError(Exception):
    """A request was made as often as the rule says; the cause is what it met."""


def connect(retries: Retries) -> "S3FileSystem":
    """Return this process's file system for the present environment; one of before a fork is of no use after it.

    One is made at a time. Making it keeps the event loop busy that all of a process share, for a second and more on a
    busy machine: when six threads made one each, connections of the first ones timed out.

    Raises:
        InputError: the environment or AWS's own files cannot be used.
    """
    variables = frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    with _making.setdefault(os.getpid(), threading.Lock()):
        return _connect(os.getpid(), variables, retries)


_making: dict[int, threading.Lock] = {}
"""By process, as a fork may copy a lock that is held."""


@cache  # without a limit: a forked process must not close its parent's connections
def _connect(_: int, __: frozenset[tuple[str, str]], retries: Retries) -> "S3FileSystem":
    """Make a file system from the environment and AWS's own files: credentials, region, endpoint, addressing."""
    from botocore.exceptions import BotoCoreError, ClientError
    from s3fs import S3FileSystem

    for name in ("botocore", "aiobotocore", "s3fs", "urllib3"):
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.INFO)  # their messages at DEBUG contain session tokens
    options = {
        "retries": {"total_max_attempts": 1},  # instead: the rule below
        "request_checksum_calculation": "when_required",  # other endpoints than AWS's do not know the newer checksums
        "response_checksum_validation": "when_required",
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 32,
    }
    region = {"region_name": os.environ.get("AWS_REGION")}  # botocore itself knows only AWS_DEFAULT_REGION
    s3 = S3FileSystem(config_kwargs=options, client_kwargs=region, skip_instance_cache=True, use_listings_cache=False)
    try:
        s3.connect()
    except (BotoCoreError, ValueError) as error:
        raise InputError(f"The settings for S3 cannot be used: {error}") from error

    def rule(response: Any, attempts: int, caught_exception: Any, operation: Any, **_: Any) -> float | None:
        """Return the seconds after which a request is made again, None where its answer is final."""
        error = caught_exception
        if error is None and response[0].status_code >= 300:
            error = ClientError(response[1], operation.name)
        elif error is None and operation.name in _NEEDED and _NEEDED[operation.name] not in response[1]:
            error = ConnectionError("the answer was cut")
        if error is None or not may_pass(error):
            return None
        if attempts >= retries.attempts:
            raise _GaveUpError from error
        return retries.pause(attempts)

    s3.s3.meta.events.register("needs-retry.s3", rule)
    return s3
