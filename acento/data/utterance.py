"""The one row type: an utterance, and its columns in Parquet."""

import json
from dataclasses import dataclass

import pyarrow as pa

from acento.core.audio.decoders.stream import SAMPLE_RATE as SAMPLE_RATE  # of every staged clip; read from here by many

SPLITS = ("train", "dev", "test")
ALL = "all"
"""What a benchmark calls all splits of a data set together."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is known of one staged clip, its audio bytes left in the store."""

    id: str
    duration_s: float
    text: str | None
    """The reference as it was given, or None when there is none."""
    split: str
    language: str | None
    speaker: str | None
    accent: str | None
    source: str
    """Where the clip came from: a path relative to the source it was staged from."""
    source_sha256: str
    """SHA-256 of the source's audio file."""
    audio_sha256: str
    """SHA-256 of the decoded samples: int16, mono, 16 kHz, little endian."""


_STRING = {"dtype": "string", "_type": "Value"}
_TEXTS = ("text", "split", "language", "speaker", "accent", "source", "source_sha256", "audio_sha256")
_COLUMNS = {
    "id": (pa.string(), _STRING),
    "audio": (
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        {"sampling_rate": SAMPLE_RATE, "_type": "Audio"},
    ),
    "duration_s": (pa.float64(), {"dtype": "float64", "_type": "Value"}),
    **dict.fromkeys(_TEXTS, (pa.string(), _STRING)),
}
"""Each column's type, and what ``datasets`` is told of it, so that it knows that ``audio`` is audio."""
_FEATURES = {"info": {"features": {name: feature for name, (_, feature) in _COLUMNS.items()}}}

SCHEMA = pa.schema(
    [(name, kind) for name, (kind, _) in _COLUMNS.items()], metadata={b"huggingface": json.dumps(_FEATURES).encode()}
)
"""The columns of a data part; ``audio.bytes`` is a whole FLAC file."""

_REJECTED = ("id", "source", "reason", "detail", "source_sha256", "audio_sha256")
REJECTED_SCHEMA = pa.schema([(name, pa.string()) for name in _REJECTED])
"""The columns of ``rejected.parquet``: a row for each input left out; by the digests a duplicate is known again."""

META_COLUMNS = [name for name in _COLUMNS if name != "audio"]
"""Every column but the audio: what planning and scoring read."""


def primary_language(language: str) -> str:
    """Return a language's code without its region or script.

    >>> primary_language("es-CL"), primary_language("zh_Hant"), primary_language("sv")
    ('es', 'zh', 'sv')
    """
    return language.replace("_", "-").partition("-")[0].lower()
