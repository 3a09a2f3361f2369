"""The client of the S3 protocol: how it is made, what of its errors may pass, and how the others are said."""

import logging
import os
import random
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from acento.core.errors import AcentoError, InputError, StoreError, TransientError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_PASSING = {408, 425, 429}
"""HTTP statuses below 500 of what may pass."""
_LASTING = {501, 505, 507}
"""HTTP statuses from 500 up of what does not: not known, not of this version, no room."""
_PASSING_CODES = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "ThrottlingException"}
_PASSING_CODES |= {"Throttling", "RequestLimitExceeded", "ConditionalRequestConflict", "OperationAborted", "BadDigest"}
_PASSING_CODES |= {"IncompleteBody", "XAmzContentSHA256Mismatch"}
_TLS_PASSES = re.compile(
    r"EOF|timed out|reset|closed|BAD_RECORD_MAC|DECRYPTION_FAILED|RECORD_LAYER|BAD_LENGTH|SHUTDOWN", re.I
)
"""What OpenSSL says of a connection that was cut or damaged; not of a certificate, nor of a server without TLS."""
_WRONG_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "AuthFailure",
    "InvalidClientTokenId",
}
_FULL_CODES = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge", "ServiceQuotaExceeded"}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is made, and how long is waited between: longer each time, and never as long as others."""

    attempts: int = 8
    first_s: float = 0.2
    most_s: float = 5.0

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait before each further attempt (exponential backoff with full jitter)."""
        for number in range(self.attempts - 1):
            yield random.uniform(0, min(self.most_s, self.first_s * 2**number))

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def connect() -> "BaseClient":
    """Return this process's client for what its environment says now; a fork has no part in its parent's connections.

    Raises:
        InputError: what it says cannot be used.
    """
    variables = frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _connect(os.getpid(), variables)


@lru_cache(maxsize=4)
def _connect(process: int, variables: frozenset[tuple[str, str]]) -> "BaseClient":  # noqa: ARG001 - what it is kept by
    """Make a client by what the environment and AWS's own files say: credentials, region, endpoint, addressing."""
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    for name in ("botocore", "urllib3"):
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.INFO)  # what they say at DEBUG has session tokens in it
    options: dict[str, Any] = {
        "retries": {"total_max_attempts": 1},  # done by the caller, who must know what may have arrived
        "request_checksum_calculation": "when_required",  # other endpoints than AWS's do not know the newer checksums
        "response_checksum_validation": "when_required",
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 32,
    }
    try:
        session = botocore.session.Session()
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
        client = session.create_client("s3", region_name=region, config=Config(**options))
        elsewhere = not (urlsplit(client.meta.endpoint_url).hostname or "").endswith(
            (".amazonaws.com", ".amazonaws.com.cn")
        )
        if elsewhere and "addressing_style" not in (session.get_scoped_config().get("s3") or {}):
            # few of the others have a host name for each bucket
            styled = Config(**options, s3={"addressing_style": "path"})
            client = session.create_client("s3", region_name=region, config=styled)
    except (BotoCoreError, ValueError) as error:
        raise InputError(f"The settings for S3 cannot be used: {error}") from error
    client.meta.events.register("before-parse.s3", _refuse_cut_head)
    return client


def _refuse_cut_head(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """See that an answer says how long it is; one that was cut in its head does not, and reads as an empty body.

    Raises:
        ConnectionError: it does not, where its body means something.
    """
    number, method = response_dict["status_code"], operation_model.http["method"]
    said = any(name in response_dict["headers"] for name in ("content-length", "transfer-encoding"))
    if not said and method != "HEAD" and number not in (204, 304) and (method == "GET" or number >= 300):
        raise ConnectionError(f"the answer {number} was cut in its head")


def status(error: BaseException) -> int:
    """Return the HTTP status that an error of the client carries, or 0."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return 0
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def again(error: BaseException) -> bool:
    """Tell whether the same request may succeed a little later.

    botocore wraps most of what a network does, but not all of it: the body of an error answer (status 300 and above)
    is read outside of its ``try``, so that urllib3's own errors come through when that is cut.
    """
    from http.client import HTTPException

    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import (
        FlexibleChecksumError,
        HTTPClientError,
        IncompleteReadError,
        InvalidProxiesConfigError,
        ResponseStreamingError,
        SSLError,
    )
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError
    from urllib3.exceptions import SSLError as BareSSLError

    if isinstance(error, InvalidProxiesConfigError):
        return False
    if isinstance(error, SSLError | BareSSLError | ssl.SSLError):
        return _TLS_PASSES.search(str(error)) is not None
    wrapped = (HTTPClientError, BotoConnectionError, IncompleteReadError, ResponseStreamingError, FlexibleChecksumError)
    bare = (HTTPError, HTTPException, ResponseParserError, ConnectionError, TimeoutError)
    if isinstance(error, (*wrapped, *bare)):
        return True
    number = status(error)
    return number in _PASSING or (number >= 500 and number not in _LASTING) or _code(error) in _PASSING_CODES


def sentence(error: BaseException, url: str, bucket: str) -> AcentoError:
    """Say in one sentence what the endpoint or the client refused, and what to do; without anything secret."""
    from botocore.exceptions import (
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
        SSLError,
    )

    code, number = _code(error), status(error)
    if again(error):
        return TransientError(f"{url} does not answer ({code or number or type(error).__name__}); try again later.")
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return InputError(
            f"There are no credentials for {url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    if code in _WRONG_CREDENTIALS:
        return InputError(f"The credentials for {url} are wrong ({code}): set others, or another AWS_ENDPOINT_URL.")
    if code in ("ExpiredToken", "TokenRefreshRequired", "RequestExpired"):
        return InputError(f"The credentials for {url} have expired ({code}): renew them.")
    if code == "NoSuchBucket":
        return InputError(f"There is no bucket {bucket!r}: make it, or set ACENTO_STORE to one that is there.")
    if number in (301, 307) or code in (
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraint",
    ):
        return InputError(f"The bucket {bucket!r} is in another region: set AWS_REGION to it.")
    if number in (401, 403):
        return InputError(
            f"The credentials for {url} do not allow this ({code or number}): the store needs s3:ListBucket, "
            "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload there."
        )
    if number == 507 or code in _FULL_CODES:
        return StoreError(f"The store {url} has no room ({code or number}); free some, or set ACENTO_STORE to another.")
    if number == 501:
        return InputError(
            f"The endpoint of {url} does not know a request that the store needs ({code}); use a newer one."
        )
    if isinstance(error, SSLError):
        return InputError(
            f"The endpoint of {url} cannot be trusted ({_said(error)}): set AWS_CA_BUNDLE, or another AWS_ENDPOINT_URL."
        )
    return StoreError(f"The store {url} refused a request ({code or number or type(error).__name__}: {_said(error)}).")


def _code(error: BaseException) -> str:
    answer = getattr(error, "response", None)
    code = str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""
    return "" if code.isdigit() else code


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]
