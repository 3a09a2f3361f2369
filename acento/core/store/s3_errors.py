"""What goes wrong between the store and an S3 endpoint: what of it may pass, and a sentence for the rest."""

import random
import re
import ssl
from dataclasses import dataclass
from typing import Any

from acento.core.errors import AcentoError, InputError, StoreError, TransientError

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
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
"""Classes of botocore's errors; the names below are codes of S3's answers."""
_WRONG = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthFailure", "InvalidClientTokenId"}
_EXPIRED = {"ExpiredToken", "TokenRefreshRequired", "RequestExpired"}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge", "ServiceQuotaExceeded"}


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is made, and how long is waited between: longer each time, and never as long as others."""

    attempts: int = 8
    first_s: float = 0.2
    most_s: float = 5.0

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after an attempt, counted from 1 (exponential backoff with full jitter)."""
        return random.uniform(0, min(self.most_s, self.first_s * 2 ** (attempt - 1)))


def status(error: BaseException) -> int:
    """Return the HTTP status of the answer that an error is about, or 0."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def may_pass(error: BaseException) -> bool:
    """Tell whether the same request may succeed a little later."""
    from aiohttp import ClientError as HttpError
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError, SSLError
    from botocore.parsers import ResponseParserError

    if isinstance(error, SSLError | ssl.SSLError):
        return _TLS_PASSES.search(str(error)) is not None
    wrapped = (HTTPClientError, BotoConnectionError, IncompleteReadError, FlexibleChecksumError, ResponseParserError)
    if isinstance(error, (*wrapped, HttpError, ConnectionError, TimeoutError)):
        return True
    number = status(error)
    return number in _PASSING or (number >= 500 and number not in _LASTING) or _code(error) in _PASSING_CODES


def explain(error: BaseException, url: str) -> AcentoError:
    """Say in one sentence what the endpoint or the client refused, and what to do; without anything secret."""
    from botocore.exceptions import SSLError

    code, number = _code(error), status(error)
    bucket = url.removeprefix("s3://").partition("/")[0]
    shown = (str(error).splitlines() or [""])[0][:200]
    if may_pass(error):
        return TransientError(f"{url} does not answer ({code or number or type(error).__name__}); try again later.")
    if number == 507 or code in _FULL:
        return StoreError(f"The store {url} has no room ({code or number}); free some, or set ACENTO_STORE to another.")
    if type(error).__name__ in _NO_CREDENTIALS:
        sentence = (
            f"There are no credentials for {url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    elif code in _WRONG:
        sentence = f"The credentials for {url} are wrong ({code}): set others, or another AWS_ENDPOINT_URL."
    elif code in _EXPIRED:
        sentence = f"The credentials for {url} have expired ({code}): renew them."
    elif code == "NoSuchBucket":
        sentence = f"There is no bucket {bucket!r}: make it, or set ACENTO_STORE to one that is there."
    elif number in (301, 307) or code in _ELSEWHERE:
        sentence = f"The bucket {bucket!r} is in another region: set AWS_REGION to it."
    elif number in (401, 403):
        sentence = (
            f"The credentials for {url} do not allow this ({code or number}): the store needs s3:ListBucket, "
            "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload there."
        )
    elif number == 501:
        sentence = f"The endpoint of {url} does not know a request that the store needs ({code}); use a newer one."
    elif isinstance(error, SSLError):
        sentence = f"The endpoint of {url} cannot be trusted ({shown}): set AWS_CA_BUNDLE, or another AWS_ENDPOINT_URL."
    else:
        return StoreError(f"The store {url} refused a request ({code or number or type(error).__name__}: {shown}).")
    return InputError(sentence)


def _answer(error: BaseException) -> dict[str, Any]:
    """Return what the endpoint answered; s3fs raises an ``OSError`` from botocore's error, which has it."""
    answers = (getattr(each, "response", None) for each in (error, error.__cause__))
    return next((answer for answer in answers if isinstance(answer, dict)), {})


def _code(error: BaseException) -> str:
    code = str(_answer(error).get("Error", {}).get("Code", ""))
    return "" if code.isdigit() else code
