"""Find the columns for recording, text, id, speaker and more: those asked for, declared, or with a usual name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acento.core.errors import DataError
from acento.data.source_options import SourceOptions
from acento.data.sources.base import as_text, known_fact, known_text
from acento.data.sources.folders.metadata import TEXT
from acento.data.sources.hub.tables import SplitTable
from acento.data.sources.tables.row_parts import CHANNEL, times_among

AUDIO = ("audio", "speech", "recording", "file_name", "audio_filepath", "audio_path", "audio_file", "path", "file")
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
    parts: tuple[str, ...] = ()
    """Columns with stretches and channels of recordings."""

    @property
    def all(self) -> list[str]:
        """Every column that has to be read."""
        names = (self.audio, self.text, *self.ids, self.speaker, self.accent, self.language, self.split, *self.parts)
        return list(dict.fromkeys(name for name in names if name))

    def value(self, row: Mapping[str, Any], column: str | None) -> str | None:
        """Return what a row says, as a stripped string, None if that is nothing; a number may be an id.

        Raises:
            ValueError: it is a list, an object or a truth value.
        """
        if column is None:
            return None
        value = row.get(column)
        if column in self.labels and isinstance(value, int):
            return None if value < 0 else self.labels[column](value)
        text = as_text(column, value) or ""
        return known_text(text) if column == self.text else known_fact(text)


def find_columns(table: SplitTable, options: SourceOptions, title: str) -> Columns:
    """Find the columns of a table.

    Raises:
        DataError: one that was asked for is not there, or the recording or the text is in none that is known.
    """
    usual = [name for name in AUDIO if name in table.columns]
    declared = [name for name in usual if name in table.audio] or list(table.audio)
    audio = _asked(table, options.audio_column, title) or _first([*declared, *usual])
    text = _asked(table, options.text_column, title) or _text(table)
    for found, what, option in ((audio, "recordings", "--audio-column"), (text, "texts", "--text-column")):
        if found is None:
            raise DataError(
                f"Data set {title} has no column that is known to hold {what}: name it with {option}; "
                f"{table.split} has {', '.join(table.columns) or 'no columns at all'}."
            )
    facts = {fact: _first([name for name in names if name in table.columns]) for fact, names in FACTS.items()}
    ids = tuple(name if name in table.columns else None for name in IDS)
    parts = (*times_among(table.columns), *(name for name in CHANNEL if name in table.columns))
    return Columns(audio=str(audio), text=str(text), ids=ids, labels=table.labels, parts=parts, **facts)


def _text(table: SplitTable) -> str | None:
    """Return the column with the texts: by its usual name, or the one field of a struct that can be meant."""
    structs = {name.rpartition(".")[0] for name in table.columns if "." in name}
    for name in TEXT:
        if name in table.columns and name not in structs:
            return name
    fields = [name for name in table.columns if "." in name and name not in structs]
    usual = [name for name in fields if name.rpartition(".")[2] in TEXT]
    only = [name for name in fields if name.partition(".")[0] in (*TEXT, "translation")]
    return next((found[0] for found in (usual, only) if len(found) == 1), None)


def _asked(table: SplitTable, column: str | None, title: str) -> str | None:
    if column is not None and column not in table.columns:
        raise DataError(f"Data set {title} has no column {column!r}; {table.split} has {', '.join(table.columns)}.")
    return column


def _first(names: Sequence[str]) -> str | None:
    return names[0] if names else None
