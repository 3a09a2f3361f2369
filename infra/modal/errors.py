"""Errors of Modal's client and of the Modal worker as Acento's errors."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from prefect_modal_worker import client
from prefect_modal_worker.errors import SetupError, UnavailableError

from acento.core.errors import AcentoError, InputError, TransientError


def explain(error: BaseException, action: str) -> AcentoError:
    """Return what a failure of Modal means as an error of one sentence, which says whether it may pass.

    Args:
        error: what Modal's client raised.
        action: what was asked of it, such as ``read the volume``.
    """
    if isinstance(error, AcentoError):
        return error
    meaning = client.explain(error, action)
    if isinstance(meaning, SetupError):
        return InputError(str(meaning))
    return TransientError(str(meaning)) if isinstance(meaning, UnavailableError) else AcentoError(str(meaning))


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Raise any failure of Modal in the block as :func:`explain` returns it."""
    try:
        yield
    except Exception as error:
        raise explain(error, action) from error


def check_token() -> None:
    """Check that Modal accepts this machine's token.

    Raises:
        InputError: there is no token, or it is wrong.
        TransientError: Modal does not answer.
    """
    # in a thread, because the caller may have an event loop of its own
    with explained("connect"), ThreadPoolExecutor(1, thread_name_prefix="modal-token") as thread:
        thread.submit(asyncio.run, client.check_token()).result()
