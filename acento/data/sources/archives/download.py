"""Files from S3 and the web, whole or not at all: streamed to disk, checked for length, and tried again a few times."""

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acento.core.errors import AcentoError, DataError, TransientError
from acento.data.sources.archives.temporary import NO_ROOM

AT_ONCE = 8
"""Downloads at the same time."""
TRIES = 4
PAUSE_S = 0.5
"""Before the second try; twice as long before each further one."""
CONNECT_S, SILENCE_S = 20, 60
"""How long to wait for a connection, and for the next byte."""
_BATCH = 1024
UNQUOTED = "/:@!$&'()*+,;=~%"
"""What stays as it is in the path of an address."""
_RIGHTS = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to somebody who may"
_LOGIN = "it asks for a login; fetch it yourself and name the file, or use a signed address"
_PASSES = (errno.EBUSY, errno.EREMOTEIO, errno.ECONNRESET, errno.ETIMEDOUT, errno.EPIPE)

Wanted = tuple[str, Path]
"""The address of a file (``bucket/key`` for S3) and where to put it."""


class Downloads:
    """One server or bucket to fetch from; safe to use from several threads."""

    def __init__(self, *, s3: bool) -> None:
        """Choose the protocol; nothing is asked yet."""
        import fsspec

        self._s3 = s3
        options = _s3_options() if s3 else _http_options()
        name = "s3" if s3 else "http"
        self._files: Any = fsspec.filesystem(name, skip_instance_cache=True, use_listings_cache=False, **options)

    def fetch(self, address: str, path: Path, progress: Callable[[int, int], None] | None = None) -> None:
        """Fetch one file into ``path``; ``progress`` is told how many bytes are there and how many there will be.

        Raises:
            DataError: it is not there, or may not be read.
            TransientError: it could not be fetched whole, though it was tried several times.
            OSError: it cannot be written.
        """
        for turn in range(TRIES):
            try:
                self._fetch_once(address, path, progress)
                return
            except BaseException as error:
                path.unlink(missing_ok=True)
                if turn == TRIES - 1 or not isinstance(error, TransientError):
                    raise
                time.sleep(PAUSE_S * 2**turn)

    def fetch_all(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Path, str | None]]:
        """Fetch many files, some at a time; yield each path as it is done, with what hindered it, if anything did.

        Raises:
            TransientError: as of ``fetch``.
            OSError: as of ``fetch``.
        """
        rest = iter(wanted)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetching") as threads:
            while batch := list(islice(rest, _BATCH)):
                try:
                    yield from zip([path for _, path in batch], threads.map(self._attempt, batch), strict=True)
                except BaseException:
                    threads.shutdown(cancel_futures=True)
                    raise

    def find(self, prefix: str) -> dict[str, int]:
        """Return the size of every file below ``bucket/prefix``, by its address.

        Raises:
            DataError: there is no such bucket, or it may not be read.
            TransientError: it cannot be reached now.
        """
        return {key: info["size"] or 0 for key, info in self._details(prefix).items()}

    def stamps(self, prefix: str) -> dict[str, str]:
        """Return what changes with the bytes of each file below ``bucket/prefix``, by address; raises as ``find``."""
        tags = ((key, info["size"] or 0, info.get("ETag", "")) for key, info in self._details(prefix).items())
        return {key: "-".join((str(size), tag.strip('"'))) for key, size, tag in tags}

    def _details(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return what the server says of every file below a prefix."""
        try:
            return dict(self._files.find(prefix, detail=True))
        except Exception as error:
            raise self._failure(error, prefix) from None

    def _attempt(self, wanted: Wanted) -> str | None:
        address, path = wanted
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.fetch(address, path)
        except DataError as error:
            return str(error)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise
            return f"{self._shown(address)} cannot be a file's name here ({error.strerror})."
        return None

    def _fetch_once(self, address: str, path: Path, progress: Callable[[int, int], None] | None) -> None:
        from fsspec.callbacks import Callback

        def tell(size: int | None, value: int, **_: object) -> None:
            if progress is not None and size:
                progress(value, size)

        watch = Callback(hooks={"tell": tell})
        try:
            self._files.get_file(address, str(path), callback=watch)
        except Exception as error:
            raise self._failure(error, address) from None
        there = path.stat().st_size
        if watch.size not in (None, there):
            raise TransientError(f"{self._shown(address)} broke off: {there} of {watch.size} bytes came. Try again.")

    def _shown(self, address: str) -> str:
        return f"s3://{address}" if self._s3 else without_secrets(address)

    def _failure(self, error: Exception, address: str) -> Exception:
        """Return what went wrong as one sentence that holds no secret, as the class that tells whether it may pass."""
        import aiohttp
        from botocore import exceptions as aws

        shown = self._shown(address)
        if isinstance(error, AcentoError):
            return error
        if isinstance(error, aiohttp.ClientResponseError):
            return _of_status(error.status, error.message, shown)
        if isinstance(error, aiohttp.InvalidURL | aws.ParamValidationError):
            return DataError(f"{shown} is no address that can be asked for.")
        if isinstance(error, FileNotFoundError):
            return DataError(f"There is nothing at {shown}.")
        if isinstance(
            error, PermissionError | aws.NoCredentialsError | aws.PartialCredentialsError | aws.ProfileNotFound
        ):
            return DataError(f"{shown} may not be read: {_RIGHTS if self._s3 else _LOGIN}.")
        network = (aiohttp.ClientError, aws.ConnectionError, aws.HTTPClientError, ConnectionError, TimeoutError)
        if isinstance(error, network) or (isinstance(error, OSError) and error.errno in _PASSES):
            return TransientError(f"{shown} cannot be reached now ({_cause(error)}): try again.")
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return error
        return DataError(f"{shown} cannot be read ({_cause(error)}).")


def encoded(url: str) -> str:
    """Return a web address as a server is asked for it: every sign that it may not hold is percent-encoded, once.

    >>> encoded("https://example.org/a b%20c.wav?x=1#t=3")
    'https://example.org/a%20b%20c.wav?x=1'
    """
    return quote(url.partition("#")[0], UNQUOTED + "?")


def without_secrets(url: str) -> str:
    """Return an address without user, password, query (where signatures are) and fragment.

    >>> without_secrets("https://anna:secret@example.org:8080/a%20b.zip?X-Amz-Signature=0123#x")
    'https://example.org:8080/a%20b.zip'
    """
    head, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return head + mark + place.rpartition("@")[2] + slash + path.partition("?")[0].partition("#")[0]


def _s3_options() -> dict[str, Any]:
    """Return how S3 is asked: with the credentials that AWS tools find, else anonymously."""
    import botocore.session

    try:
        anonymous = botocore.session.get_session().get_credentials() is None
    except Exception:  # of many kinds; s3fs meets it again and says it when it asks
        anonymous = False
    timeouts = {"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S}
    return {"anon": anonymous, "config_kwargs": timeouts}


def _http_options() -> dict[str, Any]:
    """Return how the web is asked: files as they are, by proxies and ``.netrc`` if there are any."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
    as_it_is = {"auto_decompress": False, "headers": {"Accept-Encoding": "identity"}}
    session = {"timeout": timeout, "trust_env": True, **as_it_is}
    return {"client_kwargs": session, "encoded": True}


def _of_status(status: int, message: str, shown: str) -> AcentoError:
    """Return the sentence for what a web server answered."""
    if status in (404, 410):
        return DataError(f"There is nothing at {shown}.")
    if status in (401, 403, 407):
        return DataError(f"{shown} may not be read (HTTP {status}): {_LOGIN}.")
    if status in (408, 425, 429) or status >= 500:
        return TransientError(f"{shown} is not served now (HTTP {status} {message}): try again later.")
    return DataError(f"{shown} cannot be read (HTTP {status} {message}).")


def _cause(error: BaseException) -> str:
    """Return what the system says, and nothing that might hold an address."""
    error = getattr(error, "os_error", error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
