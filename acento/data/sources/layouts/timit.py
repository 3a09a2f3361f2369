"""TIMIT, and corpora laid out like it: ``TRAIN/DR1/FCJF0/SA1.WAV`` with ``SA1.TXT`` beside it.

A text begins with the first and the last sample that it covers (``0 46797 She had your dark suit …``): the two numbers
are dropped. The split is ``TRAIN`` or ``TEST``, the speaker the folder, the dialect region (``DR1`` to ``DR8``) the
accent. ``.PHN`` and ``.WRD`` are not read. Of ``SA1.WAV`` and a converted ``SA1.WAV.wav`` beside it one is taken.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.sources.base import Reason, Rejection, SourceItem, split_in
from acento.data.sources.files import AUDIO_SUFFIXES, is_recording, split_suffix, walk
from acento.data.sources.layouts.layout import Layout
from acento.data.sources.tables.text_lines import read_text

_TEXT = re.compile(r"\s*\d+\s+\d+\s+(\S.*?)\s*", re.S)
_SPEAKER = re.compile(r"[FM][A-Z]{2,3}\d", re.I)
_REGION = re.compile(r"DR\d", re.I)
_READ = 20
"""Texts that are read to tell whether a folder is laid out like TIMIT."""


class Timit(Layout):
    """See the module."""

    kind = 'a TIMIT folder (SA1.WAV beside SA1.TXT with "0 46797 She had …")'

    @classmethod
    def matches(cls, path: Path) -> bool:
        """See :meth:`Source.matches`."""
        pairs = _pairs(islice(walk(path), 10_000)) if path.is_dir() else {}
        texts = [text for text, recordings in pairs.values() if text and recordings][:_READ]
        try:
            return bool(texts) and all(_TEXT.fullmatch(read_text(path / name)) for name in texts)
        except DataError:
            return False

    def entries(self) -> Iterator[SourceItem | Rejection]:
        """See :meth:`Layout.entries`; the origin is the recording's path in the folder."""
        above = self._above()
        for stem, (text, recordings) in sorted(_pairs(walk(self._root)).items()):
            parts = (*above, *stem.split("/"))
            split = next((part for part in parts[::-1] if part.lower() in ("train", "test")), "")
            if not self.wanted(split) or (text and not recordings and not _TEXT.fullmatch(self._said(text))):
                continue
            if not recordings:
                yield Rejection(stem, text, Reason.NO_AUDIO, f"There is no recording beside {text}.")
                continue
            self._used.update(recordings)
            place = min(recordings, key=lambda name: (len(name), name))
            said = _TEXT.fullmatch(self._said(text)) if text else None
            if said is None:
                detail = f"{text} does not begin with two numbers." if text else f"There is no text beside {place}."
                yield Rejection(stem, place, Reason.NO_TRANSCRIPT, detail)
                continue
            speaker = parts[-2] if len(parts) > 1 and _SPEAKER.fullmatch(parts[-2]) else None
            accent = next((part.lower() for part in parts[::-1] if _REGION.fullmatch(part)), None)
            yield SourceItem(
                stem, self._root / place, " ".join(said[1].split()), place, split_in(split), None, speaker, accent
            )

    def _above(self) -> tuple[str, ...]:
        """Return the names of the given folder and of those above it that belong to the corpus."""
        parts = self._root.absolute().parts
        first = len(parts) - 1
        while first > 1 and (_SPEAKER.fullmatch(parts[first]) or _REGION.fullmatch(parts[first])):
            first -= 1
        return parts[first:]

    def _said(self, name: str) -> str:
        try:
            return read_text(self._root / name, self.options.encoding)
        except DataError:
            return ""


def _pairs(names: Iterator[str]) -> dict[str, tuple[str, list[str]]]:
    """Return the text and the recordings of each name without suffixes."""
    pairs: dict[str, tuple[str, list[str]]] = {}
    for name in names:
        stem, suffix = split_suffix(name)
        while is_recording(stem):
            stem = split_suffix(stem)[0]
        text, recordings = pairs.get(stem, ("", []))
        if suffix == ".txt":
            pairs[stem] = name, recordings
        elif suffix in AUDIO_SUFFIXES:
            pairs[stem] = text, [*recordings, name]
    return pairs
