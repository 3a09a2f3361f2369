"""Freed memory that a process keeps: models on a processor ask for the same large blocks again for every window.

glibc gives a large block back to the system when it is freed, and a new one costs a fault for each of its pages: half
of the time that Whisper's encoder takes on CTranslate2. Nothing is done where the C library is another one.
"""

import ctypes
import sys
from functools import cache
from typing import Any, Final

_TRIM, _MMAP, _ARENAS = -1, -3, -8
"""``M_TRIM_THRESHOLD``, ``M_MMAP_THRESHOLD`` and ``M_ARENA_MAX`` of glibc's ``mallopt``."""
_LARGEST: Final = 1 << 30
"""Bytes: a larger block is still given back at once."""


def share() -> None:
    """Let all threads that are started from now on have one heap, as that of a single thread holds no block over 64 MB.

    To be called before a second thread: glibc asks but once.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENAS, 1)


def keep_freed() -> None:
    """Keep what is freed from now on for the next block."""
    library = _glibc()
    if library is not None:
        library.mallopt(_MMAP, _LARGEST)
        library.mallopt(_TRIM, 2**31 - 1)


def give_back() -> None:
    """Give all that is kept back to the system, such as after a model was closed."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """Return the C library of this process if it is glibc, else None."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None
