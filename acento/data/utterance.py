"""The one row type: an utterance, and its columns in Parquet."""

import json
from dataclasses import dataclass

import pyarrow as pa

SAMPLE_RATE = 16_000
"""Hz; every staged clip has this rate, one channel, 16 bits."""

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


def _hugging_face_features() -> bytes:
    """Return the metadata by which ``datasets.load_dataset("parquet", …)`` knows that ``audio`` is audio."""
    string = {"dtype": "string", "_type": "Value"}
    strings = (
        "id",
        "text",
        "split",
        "language",
        "speaker",
        "accent",
        "source",
        "source_sha256",
        "audio_sha256",
    )
    features: dict[str, object] = dict.fromkeys(strings, string)
    features["audio"] = {"sampling_rate": SAMPLE_RATE, "_type": "Audio"}
    features["duration_s"] = {"dtype": "float64", "_type": "Value"}
    ordered = {name: features[name] for name in _COLUMNS}
    return json.dumps({"info": {"features": ordered}}).encode()


_COLUMNS = {
    "id": pa.string(),
    "audio": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    "duration_s": pa.float64(),
    "text": pa.string(),
    "split": pa.string(),
    "language": pa.string(),
    "speaker": pa.string(),
    "accent": pa.string(),
    "source": pa.string(),
    "source_sha256": pa.string(),
    "audio_sha256": pa.string(),
}

SCHEMA = pa.schema(list(_COLUMNS.items()), metadata={b"huggingface": _hugging_face_features()})
"""The columns of a data part; ``audio.bytes`` is a whole FLAC file."""

REJECTED_SCHEMA = pa.schema(
    [("id", pa.string()), ("source", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
)
"""The columns of ``rejected.parquet``: one row for each input left out."""

META_COLUMNS = [name for name in _COLUMNS if name != "audio"]
"""Every column but the audio: what planning and scoring read."""


def primary_language(language: str) -> str:
    """Return a language's code without its region or script.

    >>> primary_language("es-CL"), primary_language("zh_Hant"), primary_language("sv")
    ('es', 'zh', 'sv')
    """
    return language.replace("_", "-").partition("-")[0].lower()
