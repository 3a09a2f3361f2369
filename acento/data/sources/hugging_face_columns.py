"""Which columns of a table hold recording, text, id, speaker and more: those asked for, declared, or named as usual."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acento.data.sources.base import SourceOptions
from acento.data.sources.hugging_face_tables import Table
from acento.errors import DataError

AUDIO = ("audio", "speech", "recording", "file_name", "audio_filepath", "audio_path", "audio_file", "path", "file")
TEXT = (
    *("text", "sentence", "transcription", "transcript", "raw_text", "raw_transcription"),
    *("normalized_text", "text_normalized", "orthographic_text", "txt"),
)
IDS = ("id", "segment_id", "utterance_id", "utt_id", "uid", "audio_id", "clip_id", "__key__")
FACTS = {
    "speaker": ("speaker_id", "speaker", "client_id", "spk_id"),
    "accent": ("accent", "accents", "dialect", "variant"),
    "language": ("language", "locale", "lang", "lang_id"),
    "split": ("split",),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table by what they hold; None where the table has no such column."""

    audio: str
    text: str
    ids: tuple[str | None, ...]
    """Columns whose values may be ids, the likeliest first: those of ``IDS`` that are there."""
    speaker: str | None
    accent: str | None
    language: str | None
    split: str | None
    labels: Mapping[str, Callable[[int], str]]

    @property
    def all(self) -> list[str]:
        """Every column that has to be read."""
        names = (self.audio, self.text, *self.ids, self.speaker, self.accent, self.language, self.split)
        return list(dict.fromkeys(name for name in names if name))

    def value(self, row: Mapping[str, Any], column: str | None) -> str | None:
        """Return what a row says, as a stripped string, None if that is nothing; a number may be an id.

        Raises:
            ValueError: it is a list, an object or a truth value.
        """
        if column is None:
            return None
        value = row.get(column)
        if value is None or value == "":
            return None
        if column in self.labels and isinstance(value, int):
            return None if value < 0 else self.labels[column](value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"its {column} is {type(value).__name__}, and should be a string")
        return str(value).strip() or None


def find_columns(table: Table, options: SourceOptions, title: str) -> Columns:
    """Find the columns of a table.

    Raises:
        DataError: one that was asked for is not there, or the recording or the text is in none that is known.
    """
    usual = [name for name in AUDIO if name in table.columns]
    declared = [name for name in usual if name in table.audio] or list(table.audio)
    audio = _asked(table, options.audio_column, title) or _first([*declared, *usual])
    text = _asked(table, options.text_column, title) or _first([name for name in TEXT if name in table.columns])
    for found, what, option in ((audio, "recordings", "--audio-column"), (text, "texts", "--text-column")):
        if found is None:
            raise DataError(
                f"Data set {title} has no column that is known to hold {what}: name it with {option}; "
                f"{table.split} has {', '.join(table.columns) or 'no columns at all'}."
            )
    facts = {fact: _first([name for name in names if name in table.columns]) for fact, names in FACTS.items()}
    ids = tuple(name if name in table.columns else None for name in IDS)
    return Columns(audio=str(audio), text=str(text), ids=ids, labels=table.labels, **facts)


def _asked(table: Table, column: str | None, title: str) -> str | None:
    if column is not None and column not in table.columns:
        raise DataError(f"Data set {title} has no column {column!r}; {table.split} has {', '.join(table.columns)}.")
    return column


def _first(names: Sequence[str]) -> str | None:
    return names[0] if names else None
