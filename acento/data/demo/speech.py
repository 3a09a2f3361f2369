"""Speak a sentence with espeak-ng, from the library and voices inside its Python wheel.

espeak-ng keeps state from one sentence to the next (the phase of its wave tables, its flutter, its random
numbers), so that the same sentence sounds a little different each time. Here the library is loaded afresh for
every sentence, which takes about three milliseconds, and the same text and voice give the same bytes whatever
was spoken before, in any thread or process.
"""

import _ctypes
import ctypes
import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.core.errors import AcentoError

SAMPLE_RATE: Final = 22050  # Hz; what espeak-ng synthesizes at

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_CHARACTER_POSITION: Final = 1
_RATE, _PITCH, _RANGE = 1, 3, 4

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of espeak-ng.

    `name` is an espeak-ng voice with its speaker variant (`es-419+f2`), `rate` is in words per minute,
    `pitch` and `span` (how far the pitch moves) go from 0 to 100, 50 being the variant's own.
    """

    name: str
    rate: int = 160
    pitch: int = 50
    span: int = 50

    @property
    def speaker(self) -> str:
        """Who speaks: the speaker variant.

        >>> Voice("es-419+f2", rate=180).speaker
        'f2'
        """
        return self.name.partition("+")[2] or self.name


def speak(text: str, voice: Voice) -> npt.NDArray[np.int16]:
    """Speak a text: int16, mono, at `SAMPLE_RATE`; the same bytes for the same arguments.

    Raises `AcentoError` where espeak-ng is missing or does not know the voice.
    """
    with _lock:
        return np.frombuffer(_speak(text, voice), dtype=np.int16)


def _load() -> tuple[Any, bytes]:
    try:
        import espeakng_loader

        return ctypes.CDLL(espeakng_loader.get_library_path()), espeakng_loader.get_data_path().encode()
    except (ImportError, OSError) as error:
        raise AcentoError(
            f"The demo's speech needs espeak-ng, which cannot be loaded ({error}): "
            "run `pip install espeakng-loader` for a wheel that fits this machine."
        ) from error


def _speak(text: str, voice: Voice) -> bytes:
    library, data_path = _load()
    chunks: list[bytes] = []

    @_Callback
    def collect(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0

    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data_path, 0)
        if rate != SAMPLE_RATE:
            raise AcentoError(f"espeak-ng did not start (it answered {rate}): reinstall `espeakng-loader`.")
        library.espeak_SetSynthCallback(collect)
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise AcentoError(f"espeak-ng has no voice named {voice.name!r}.")
        for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.span)):
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        if library.espeak_Synth(encoded, size, 0, _CHARACTER_POSITION, 0, _UTF8, None, None) != 0:
            raise AcentoError(f"espeak-ng could not speak {text!r}.")
        library.espeak_Synchronize()
        library.espeak_Terminate()
    finally:
        _ctypes.dlclose(library._handle)  # unloads it, and with it its state
    return b"".join(chunks)
