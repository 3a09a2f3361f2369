"""Objects in an S3 bucket, of AWS or any other endpoint that speaks its protocol.

It stands on botocore, which s3fs stands on too: its client blocks, so it works from several threads and in a process
that was forked, and it can create an object only where there is none, on which the store's protocol rests.
"""

import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from acento.core.errors import InputError, StoreError, TransientError
from acento.core.store.base import Stored, together
from acento.core.store.objects import Objects
from acento.core.store.s3_client import Retries, again, connect, sentence, status

if TYPE_CHECKING:
    from botocore.client import BaseClient

PART = 16 << 20
"""Bytes of one part of a large file; a file of more than one is carried in several parts at a time."""

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
_T = TypeVar("_T")


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
        self._here: tuple[int, BaseClient | None] = (0, None)

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
        """See :meth:`Objects.get`."""
        with suppress(FileNotFoundError):
            return self._ask(lambda s3: self._body(s3, key))
        return None

    def get_file(self, key: str, path: Path, size: int) -> None:
        """See :meth:`Objects.get_file`; a large one comes in several parts at a time."""
        if size <= PART:
            path.write_bytes(self._ask(lambda s3: self._body(s3, key)))
            return
        with path.open("wb") as file:
            file.truncate(size)

            def part(start: int) -> None:
                asked = f"bytes={start}-{min(start + PART, size) - 1}"
                data = memoryview(self._ask(lambda s3: self._body(s3, key, Range=asked)))
                while data:
                    written = os.pwrite(file.fileno(), data, start)
                    data, start = data[written:], start + written

            together(part, range(0, size, PART), AT_ONCE)

    def put(self, key: str, data: bytes) -> None:
        """See :meth:`Objects.put`."""
        self._ask(lambda s3: s3.put_object(**self._named(key), Body=data))

    def put_file(self, key: str, path: Path) -> None:
        """See :meth:`Objects.put_file`; a large one goes in several parts at a time, and appears when all are there."""
        if path.stat().st_size <= PART:
            self.put(key, path.read_bytes())
        else:
            self._put_parts(key, path)

    def put_new(self, key: str, data: bytes) -> bool:
        """See :meth:`Objects.put_new`.

        A request whose answer was lost may have created the object: it carries a name of its own, by which the next
        one knows it.
        """
        name, repeated = uuid.uuid4().hex, False

        def create(s3: "BaseClient") -> bool:
            nonlocal repeated
            try:
                s3.put_object(**self._named(key), Body=data, IfNoneMatch="*", Metadata={_WRITER: name})
            except Exception as error:
                if status(error) == 412:
                    return repeated and s3.head_object(**self._named(key))["Metadata"].get(_WRITER) == name
                repeated = True
                raise
            return True

        return self._ask(create)

    def list(self, folder: str, *, deep: bool = True) -> Iterator[Stored]:
        """See :meth:`Objects.list`: a request for each page."""
        start = self._prefix + (f"{folder}/" if folder else "")
        asked: dict[str, Any] = {"Bucket": self._bucket, "Prefix": start, "MaxKeys": PAGE}
        if not deep:
            asked["Delimiter"] = "/"
        while True:
            page = self._ask(lambda s3: _whole(s3.list_objects_v2(**asked)))
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._prefix)
                if key and not key.endswith("/"):  # what some consoles make for an empty folder
                    yield Stored(key, found["Size"], found["LastModified"].timestamp(), found["ETag"].strip('"'))
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, keys: Iterable[str]) -> None:
        """See :meth:`Objects.delete`; one by one, which every endpoint can, several at a time."""

        def delete(key: str) -> None:
            self._ask(lambda s3: s3.delete_object(**self._named(key)))

        together(delete, keys, DELETES)

    def refresh(self) -> None:
        """See :meth:`Objects.refresh`: S3 shows at once what was written."""

    def unfinished(self, before: float) -> Sequence[str]:
        """See :meth:`Objects.unfinished`: uploads in parts, which cost as if they were whole."""
        asked = {"Bucket": self._bucket, "Prefix": self._prefix}

        def page(s3: "BaseClient") -> dict[str, Any]:
            return _whole(s3.list_multipart_uploads(**asked))

        found: Any = []
        while True:
            one = self._ask(page)
            found += [each for each in one.get("Uploads", ()) if each["Initiated"].timestamp() < before]
            if not one.get("IsTruncated"):
                return [f"{each['Key']}{_UPLOAD}{each['UploadId']}" for each in found]
            asked |= {"KeyMarker": one["NextKeyMarker"], "UploadIdMarker": one["NextUploadIdMarker"]}

    def abandon(self, uploads: Iterable[str]) -> None:
        """See :meth:`Objects.abandon`."""
        for name in uploads:
            key, _, upload = name.rpartition(_UPLOAD)
            self._abort(key, upload)

    def _put_parts(self, key: str, path: Path) -> None:
        """Upload a file in parts; if that fails, what was uploaded is dropped."""
        named, size = self._named(key), path.stat().st_size
        step = max(PART, -(-size // MOST_PARTS))
        upload = self._ask(lambda s3: _upload_id(s3.create_multipart_upload(**named)))
        failed = threading.Event()
        try:
            with path.open("rb") as file:

                def part(number: int) -> dict[str, Any]:
                    if failed.is_set():
                        raise TransientError(f"Another part of {key} could not be written to {self.url}.")
                    data = os.pread(file.fileno(), step, (number - 1) * step)
                    about = {**named, "UploadId": upload, "PartNumber": number}
                    try:
                        done = self._ask(lambda s3: s3.upload_part(**about, Body=data))
                    except BaseException:
                        failed.set()
                        raise
                    return {"PartNumber": number, "ETag": done["ETag"]}

                parts = together(part, range(1, -(-size // step) + 1), AT_ONCE)
            self._ask(lambda s3: self._complete(s3, named, upload, parts, size))
        except BaseException:
            with suppress(Exception):
                self._abort(named["Key"], upload)
            raise

    def _complete(self, s3: "BaseClient", named: dict[str, str], upload: str, parts: Sequence[Any], size: int) -> None:
        """Make the parts one object; a request before this one may have done so, its answer lost."""
        try:
            s3.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": parts})
        except Exception as error:
            if status(error) != 404 or s3.head_object(**named)["ContentLength"] != size:
                raise

    def _abort(self, name: str, upload: str) -> None:
        def abort(s3: "BaseClient") -> None:
            try:
                s3.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload)
            except Exception as error:
                if status(error) != 404:
                    raise

        self._ask(abort)

    def _body(self, s3: "BaseClient", key: str, **options: str) -> bytes:
        """Return the bytes of an object, all that were announced.

        Raises:
            FileNotFoundError: there is none.
        """
        try:
            data: bytes = s3.get_object(**self._named(key), **options)["Body"].read()
        except Exception as error:
            if status(error) == 404 and "NoSuchBucket" not in str(error):
                raise FileNotFoundError(key) from None
            raise
        return data

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _ask(self, call: Callable[["BaseClient"], _T]) -> _T:
        """Make a request, again after a while if what failed may pass."""
        for pause in [*self._retries.pauses(), None]:
            try:
                return call(self._client())
            except (FileNotFoundError, TransientError, StoreError, InputError):
                raise
            except Exception as error:
                if not again(error):
                    raise sentence(error, self.url, self._bucket) from error
                if pause is None:
                    raise sentence(error, self.url, self._bucket) from error
                self._retries.sleep(pause)
        raise AssertionError  # the last pass of the loop returns or raises

    def _client(self) -> "BaseClient":
        """Return the client of this process, which a fork leaves to its parent."""
        process, client = self._here
        if client is None or process != os.getpid():
            client = connect()
            self._here = (os.getpid(), client)
        return client


def _whole(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a list; the client reads an answer without a body as a list of nothing.

    Raises:
        ConnectionError: the page does not say whether it is the last: its answer was cut.
    """
    if "IsTruncated" not in page:
        raise ConnectionError("the answer has no list in it")
    return page


def _upload_id(answer: dict[str, Any]) -> str:
    """Return the id of an upload that was begun.

    Raises:
        ConnectionError: the answer was cut.
    """
    if not answer.get("UploadId"):
        raise ConnectionError("the answer has no upload id in it")
    return str(answer["UploadId"])
