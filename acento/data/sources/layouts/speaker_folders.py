"""Corpora with a folder for each speaker: LibriSpeech, Multilingual LibriSpeech, TIMIT, and those laid out like them.

LibriSpeech is ``SPLIT/SPEAKER/CHAPTER/`` with recordings and one ``*.trans.txt``, whose lines are an id and a text
(``84-121123-0000 GO DO YOU HEAR``). Any part of the tree can be given. Multilingual LibriSpeech is
``mls_LANGUAGE/SPLIT/`` with ``transcripts.txt`` and ``audio/SPEAKER/BOOK/ID.flac``; an id is speaker, book and number
(``9972_10719_000000``). TIMIT is ``TRAIN/DR1/FCJF0/SA1.WAV`` with ``SA1.TXT`` beside it; a text begins with the first
and the last sample that it covers (``0 46797 She had your dark suit …``). Of ``SA1.WAV`` and a converted
``SA1.WAV.wav`` beside it one is taken.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from acento.core.errors import DataError
from acento.data.sources.base import Entry, split_in
from acento.data.sources.files import (
    AUDIO_SUFFIXES,
    SEARCH_LIMIT,
    find_recording,
    has_own_texts,
    is_recording,
    split_suffix,
    subfolders,
    walk,
)
from acento.data.sources.layouts.layout import Layout, begins_with_split, language_named
from acento.data.sources.tables.text_lines import read_text

_LIST = ".trans.txt"
_ID = re.compile(r"(\w+)-\w+-\w+")
_SPLIT = re.compile(r"(train|dev|test)-(clean|other)(-\d+)?", re.I)
_MLS_LIST = "transcripts.txt"
_MLS_CORPUS = re.compile(r"mls_([a-z]+?)(?:_opus)?", re.I)


class LibriSpeech(Layout):
    """A LibriSpeech folder (SPEAKER/CHAPTER/*.trans.txt beside the recordings)."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        if not path.is_dir() or not any(name.endswith(_LIST) for name in islice(walk(path), SEARCH_LIMIT)):
            return False
        return not has_own_texts(path)

    def entries(self) -> Iterator[Entry]:
        for name in walk(self._root):
            if name.endswith(_LIST) and self.wanted(split := self._split_of(name)):
                path = self._root / name
                for origin, (uid, text) in self.rows(path, 2, None):
                    recording, speaker = find_recording(path.parent, uid), _ID.fullmatch(uid)
                    no_file = f"There is no recording {uid} beside {path.name}, which names it."
                    no_text = f"Its line in {path.name} has no text."
                    facts = {"split": split_in(split), "speaker": speaker[1] if speaker else None}
                    yield self.item(uid, recording, text, origin, no_file, no_text, **facts)

    def _split_of(self, name: str) -> str:
        """Return the name of the split's folder: one of LibriSpeech's names anywhere above, or any in the folder."""
        above = self._root.absolute().parts
        inside = name.split("/")[:-1]
        named = [folder for folder in (*inside[::-1], *above[::-1]) if _SPLIT.fullmatch(folder)]
        named += [folder for folder in (above[-1], *inside) if begins_with_split(folder)]
        return next(iter(named), "")


class Mls(Layout):
    """A Multilingual LibriSpeech folder (train/transcripts.txt with train/audio/SPEAKER/BOOK/ID.flac)."""

    @staticmethod
    def parts(root: Path) -> list[Path]:
        """See :meth:`Layout.parts`: the folders of the splits, which are the folder itself, or in it."""
        folders = (root, *subfolders(root))
        return [folder for folder in folders if (folder / _MLS_LIST).is_file() and (folder / "audio").is_dir()]

    def entries(self) -> Iterator[Entry]:
        named = (_MLS_CORPUS.fullmatch(part) for part in self._root.absolute().parts[::-1])
        language = next((language_named(found[1].lower()) for found in named if found), None)
        for folder in self.parts(self._root):
            split = folder.absolute().name
            if self.wanted(split):
                for origin, (uid, text) in self.rows(folder / _MLS_LIST, 2, "\t"):
                    speaker, _, rest = uid.partition("_")
                    place = f"audio/{speaker}/{rest.partition('_')[0]}"
                    no_file = f"There is no recording {place}/{uid}, which {origin} names."
                    facts = {"split": split_in(split), "language": language, "speaker": speaker}
                    yield self.item(uid, find_recording(folder / place, uid), text, origin, no_file, **facts)


_TEXT = re.compile(r"\s*\d+\s+\d+\s+(\S.*?)\s*", re.S)
_SPEAKER = re.compile(r"[FM][A-Z]{2,3}\d", re.I)
_REGION = re.compile(r"DR\d", re.I)
_SAMPLE = 20
"""Texts that are read to tell whether a folder is laid out like TIMIT."""


class Timit(Layout):
    """A TIMIT folder (SA1.WAV beside SA1.TXT with "0 46797 She had …")."""

    @classmethod
    def matches(cls, path: Path) -> bool:
        pairs = _pairs(islice(walk(path), 10_000)) if path.is_dir() else {}
        texts = [text for text, recordings in pairs.values() if text and recordings][:_SAMPLE]
        try:
            return bool(texts) and all(_TEXT.fullmatch(read_text(path / name)) for name in texts)
        except DataError:
            return False

    def entries(self) -> Iterator[Entry]:
        above = self._above()
        for stem, (text, recordings) in sorted(_pairs(walk(self._root)).items()):
            parts = (*above, *stem.split("/"))
            split = next((part for part in parts[::-1] if part.lower() in ("train", "test")), "")
            words = self._words(text) if text else None
            if not self.wanted(split) or (text and not recordings and not words):
                continue
            self._used.update(recordings)
            place = min(recordings, key=lambda name: (len(name), name), default=None)
            facts = {
                "split": split_in(split),
                "speaker": parts[-2] if len(parts) > 1 and _SPEAKER.fullmatch(parts[-2]) else None,
                "accent": next((part.lower() for part in parts[::-1] if _REGION.fullmatch(part)), None),
            }
            no_file = f"There is no recording beside {text}."
            no_text = f"{text} does not begin with two numbers." if text else f"There is no text beside {place}."
            yield self.item(stem, self._root / place if place else None, words, text, no_file, no_text, **facts)

    def _above(self) -> tuple[str, ...]:
        """Return the names of the given folder and of those above it that belong to the corpus."""
        parts = self._root.absolute().parts
        first = len(parts) - 1
        while first > 1 and (_SPEAKER.fullmatch(parts[first]) or _REGION.fullmatch(parts[first])):
            first -= 1
        return parts[first:]

    def _words(self, name: str) -> str:
        """Return what a text says after its two numbers, "" if it does not begin with them."""
        try:
            found = _TEXT.fullmatch(read_text(self._root / name, self.options.encoding))
        except DataError:
            return ""
        return " ".join(found[1].split()) if found else ""


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
