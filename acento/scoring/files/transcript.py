"""What a file of transcripts says: a row for each utterance, whatever the format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from acento.core.errors import InputError
from acento.scoring.files.reading import TextFile

COLUMNS = {
    "id": (
        *("id", "utt_id", "utterance_id", "utterance", "utt", "uid", "key", "segment_id", "audio_filepath"),
        *("audio", "audio_file", "audio_path", "file", "file_name", "filename", "path", "wav", "clip"),
    ),
    "text": (
        *("text", "reference", "ref", "transcript", "transcription", "sentence", "original_text", "ground_truth"),
        *("target", "norm_text", "normalized_text"),
    ),
    "prediction": (
        *("pred_text", "prediction", "pred", "hypothesis", "hyp", "predicted_text", "asr", "asr_text", "output"),
        *("transcriptions",),
    ),
    "duration": ("duration", "duration_s", "audio_length_s", "audio_length", "length_s", "dur"),
    "time": ("time", "transcription_time", "inference_time"),
    "language": ("lang", "language", "source_lang", "locale"),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id"),
    "accent": ("accent", "accents", "dialect", "region"),
}
"""What a row has, and the names by which a key or a column is known, the first that is there before the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance of a file."""

    id: str
    line: int
    """Where it stands, counted from 1."""
    text: str | None = None
    """What the file has as its text; None when it is null there, or is not to be scored."""
    prediction: str | None = None
    """What a model wrote, where a file has both; None when it is null there."""
    duration_s: float | None = None
    time_s: float | None = None
    """Seconds that the transcription took, as the Open ASR leaderboard's manifests say."""
    language: str | None = None
    speaker: str | None = None
    accent: str | None = None
    has_prediction: bool = False
    """Whether there is such a key or column."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its time, of a CTM file."""

    recording: str
    channel: str
    begin: float
    end: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording: of an STM, SegLST or RTTM file, whose rows are in the same order."""

    id: str
    recording: str
    channel: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcripts:
    """A file that was read."""

    file: TextFile
    format: str
    rows: tuple[Row, ...]
    words: tuple[Word, ...] = ()
    """Of a CTM file: what its rows were joined from."""
    segments: tuple[Segment, ...] = ()
    """Of an STM, SegLST or RTTM file: where its rows are in time."""

    @property
    def name(self) -> str:
        """The file's path, as it was given."""
        return str(self.file.path)

    @property
    def has_text(self) -> bool:
        """Whether any row has a text beside a prediction."""
        return any(row.text is not None for row in self.rows)

    @property
    def has_predictions(self) -> bool:
        """Whether the rows say what a model wrote."""
        return any(row.has_prediction for row in self.rows)


@dataclass(frozen=True, slots=True)
class Columns:
    """The keys or columns of a file by what they mean, where a person names them."""

    id: str | None = None
    text: str | None = None
    prediction: str | None = None
    speaker: str | None = None


BY_NAME = Columns()
"""Nothing is named: usual names are looked for."""

Reader = Callable[[TextFile, Columns], Transcripts]
"""How a format is read."""


def of_records(
    file: TextFile, format: str, records: Iterator[tuple[int, dict[str, Any]]], names: Sequence[str], columns: Columns
) -> Transcripts:
    """Return the rows of records with named values, each with its line.

    Raises:
        InputError: there is no column for ids or none for texts, one that was asked for is not there, or a value is
            not of its kind.
    """
    found: dict[str, str] = {}
    for meaning, known in COLUMNS.items():
        asked = getattr(columns, meaning, None)
        lower = {name.strip().lower(): name for name in reversed(names)}
        if asked is not None and asked not in names:
            raise InputError(f"{file.path} has no column {asked!r}; it has {', '.join(names) or 'none'}.")
        name = asked or next((lower[name] for name in known if name in lower), None)
        if name is not None and name not in found.values():
            found[meaning] = name
    if "id" not in found or not {"text", "prediction"} & found.keys():
        what = "ids" if "id" not in found else "texts"
        raise InputError(
            f"{file.path} has no column that is known to hold {what} (it has {', '.join(names) or 'none'}): "
            "name them with --id-column, --reference-column and --hypothesis-column."
        )
    return Transcripts(file, format, tuple(_row(file, line, record, found) for line, record in records))


def _row(file: TextFile, line: int, record: dict[str, Any], found: dict[str, str]) -> Row:
    values = {meaning: record.get(name) for meaning, name in found.items()}
    id_ = values["id"]
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    if not isinstance(id_, str) or not id_.strip():
        raise file.wrong(line, f"there is no id under {found['id']!r}.")
    return Row(
        id=id_.strip(),
        line=line,
        text=_text(file, line, found.get("text"), values.get("text")),
        prediction=_text(file, line, found.get("prediction"), values.get("prediction")),
        duration_s=_seconds(file, line, found.get("duration"), values.get("duration")),
        time_s=_seconds(file, line, found.get("time"), values.get("time")),
        **{name: str(values[name]) if values.get(name) not in (None, "") else None for name in _FACTS},
        has_prediction="prediction" in found and found["prediction"] in record,
    )


_FACTS = ("language", "speaker", "accent")


def _text(file: TextFile, line: int, name: str | None, value: object) -> str | None:
    """Return a text, or None where there is none: null, or what pandas writes for it, NaN."""
    if value is None or value == "NaN" or (isinstance(value, float) and isnan(value)):
        return None
    if not isinstance(value, str):
        raise file.wrong(line, f"{name!r} must be text; it is {value!r}.")
    return value


def _seconds(file: TextFile, line: int, name: str | None, value: object) -> float | None:
    if value is None or value in ("", "NaN"):
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise file.wrong(line, f"{name!r} must be a number of seconds; it is {value!r}.") from None
    if isnan(seconds):
        return None
    if not 0 <= seconds < float("inf"):
        raise file.wrong(line, f"{name!r} must be a number of seconds; it is {value!r}.")
    return seconds
