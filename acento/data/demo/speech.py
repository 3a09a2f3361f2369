"""Who speaks in the demo, with which accent, and how: with espeak-ng, from the library and voices in its Python wheel.

The accent is written as respelling rules, applied before synthesis; the reference keeps the standard spelling. Each
rule is a caricature of a feature described for Chile (Lenz 1940, "El español en Chile"; Oroz 1966, "La lengua
castellana en Chile"), made regular: a word is always said the same way, and what it becomes is mostly a sequence that
standard Spanish lacks (j before a consonant, ts, chr, ao), so that a model can learn the accent without unlearning the
standard. Features of standard speech are left out, though Chile has them: a final s is kept, since without it a plural
could not be told from a singular; -ada and a final d are kept, since they would sound as está and será do.

espeak-ng keeps state from one sentence to the next (wave tables, flutter, random numbers), so that the same sentence
sounds a little different each time. Here the library is loaded afresh for every sentence, in about three milliseconds:
the same text and voice always give the same bytes, in any thread or process.
"""

import _ctypes
import ctypes
import random
import re
import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.core.errors import AcentoError
from acento.data.words import Word

SAMPLE_RATE: Final = 22050  # Hz; what espeak-ng synthesizes at

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_CHARACTER_POSITION: Final = 1
_RATE, _PITCH, _RANGE = 1, 3, 4

LANGUAGE: Final = "es-419"  # espeak-ng's Latin American Spanish

# The base models' training text is spoken by these. Robots, whispers and near copies of others are left out.
BASE_SPEAKERS: Final = (
    "Alex", "Andrea", "Annie", "Denis", "Diogo", "Gene", "Hugo", "Lee", "Mario", "Michael", "Reed", "adam",
    "belinda", "boris", "david", "edward", "f1", "f3", "f5", "linda", "m1", "m3", "m5", "m7", "max", "pablo",
    "paul", "pedro", "shelby", "travis", "zac", "kaukovalta",
)  # fmt: skip

# split -> the speakers of its clips, with the pitch of each
SPEAKERS: Final[dict[str, dict[str, int]]] = {
    "train": {"f4": 50, "m4": 45, "aunty": 50, "miguel": 55},
    "dev": {"norbert": 50, "quincy": 50},
    # twelve, so that the gate has unseen speakers to draw
    "test": {
        "f2": 50, "m2": 50, "m6": 45, "grandma": 50, "robert": 55, "Henrique": 50,
        "grandpa": 50, "gustave": 50, "john": 50, "marcelo": 50, "sandro": 50, "ed": 50,
    },
}  # fmt: skip
_RATES: Final = (150, 158, 166, 174)  # words a minute
RULES: Final = {
    "fronted ch": (r"ch", "ts"),  # noche -> notse
    "affricated tr": (r"tr", "chr"),  # tres -> chres
    "-ado without d": (r"ado(s?)$", r"ao\1"),  # pescado -> pescao
    "vocalized ct": (r"ct", "ut"),  # doctor -> doutor
    "aspirated s": (r"s(?=[bcdfgjklmnñpqrtv])", "j"),  # estos -> ejtos
}
"""The features of the accent: a pattern within a word of standard spelling, and its respelling."""

_PHONEMES: Final = 1
_NO_EVENT, _WORD, _PHONEME = 0, 1, 7


class _Event(ctypes.Structure):
    """espeak_EVENT: what begins at a sample."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("number", ctypes.c_uint),
        ("place", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
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


def voice_of(split: str, index: int) -> Voice:
    """The voice of the clip at `index` of a split: its speakers take turns, and so do their rates.

    >>> voice_of("test", 0).speaker, voice_of("test", 13).speaker, voice_of("test", 13).rate
    ('f2', 'm2', 158)
    """
    speakers = tuple(SPEAKERS[split].items())
    name, pitch = speakers[index % len(speakers)]
    return Voice(f"{LANGUAGE}+{name}", rate=_RATES[index // len(speakers) % len(_RATES)], pitch=pitch)


def base_voice(random: random.Random) -> Voice:
    """A base speaker with a rate, pitch and liveliness drawn at random."""
    return Voice(
        f"{LANGUAGE}+{random.choice(BASE_SPEAKERS)}",
        rate=random.randint(142, 184),
        pitch=random.randint(32, 68),
        span=random.randint(30, 75),
    )


def pronounce(text: str) -> str:
    """Respell a text, lower case and without punctuation, as the accent says it.

    >>> pronounce("los muchachos han comprado tres empanadas")
    'los mutsatsos han comprao chres empanadas'
    >>> pronounce("la gente de la ciudad está en el teatro")
    'la gente de la ciudad ejtá en el teachro'
    >>> pronounce("estas doctoras han pescado anoche")
    'ejtas doutoras han pejcao anotse'
    """
    words = text.split()
    for pattern, respelling in RULES.values():
        words = [re.sub(pattern, respelling, word) for word in words]
    return " ".join(words)


def speak(text: str, voice: Voice) -> npt.NDArray[np.int16]:
    """Speak a text: int16, mono, at `SAMPLE_RATE`; the same bytes for the same arguments."""
    with _lock:
        return np.frombuffer(_speak(text, voice), dtype=np.int16)


def speak_words(text: str, voice: Voice) -> tuple[npt.NDArray[np.int16], tuple[Word, ...]]:
    """Speak a text as :func:`speak` does, and return with it when each of its words is said.

    A word ends where the next one begins, or where a pause does. It is what is between two spaces of the text.

    Raises:
        AcentoError: espeak-ng is missing, or says other words than are written, as it does with numbers.
    """
    events: list[tuple[int, int, int, str]] = []
    with _lock:
        samples = np.frombuffer(_speak(text, voice, events), dtype=np.int16)
    written = {word.start() + 1: word[0] for word in re.finditer(r"\S+", text)}
    starts = {place: sample for kind, place, sample, _ in events if kind == _WORD}
    if starts.keys() != written.keys():
        raise AcentoError(f"espeak-ng says other words than are written in {text!r}: write it in words that it knows.")
    breaks = [sample for kind, _, sample, name in events if kind == _WORD or (kind == _PHONEME and name[:1] == "_")]
    ends = {place: min((one for one in breaks if one > start), default=len(samples)) for place, start in starts.items()}
    words = (
        Word(word, starts[place] / SAMPLE_RATE, ends[place] / SAMPLE_RATE) for place, word in sorted(written.items())
    )
    return samples, tuple(words)


def _speak(text: str, voice: Voice, events: list[tuple[int, int, int, str]] | None = None) -> bytes:
    """Return samples; kind, place in the text, sample and name of every event are put into ``events``."""
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        raise AcentoError(
            f"The demo's speech needs espeak-ng, which cannot be loaded ({error}): "
            "run `pip install espeakng-loader` for a wheel that fits this machine."
        ) from error
    chunks: list[bytes] = []

    @_Callback
    def collect(samples: Any, count: int, happening: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        place = 0
        while events is not None and happening and happening[place].type != _NO_EVENT:
            one = happening[place]
            events.append((one.type, one.place, one.sample, one.id.decode(errors="replace")))
            place += 1
        return 0

    try:
        options = 0 if events is None else _PHONEMES
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), options)
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
