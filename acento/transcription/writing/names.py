"""What the files of a batch are called."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_SUFFIX: Final = re.compile(r"(?<=[^/])\.(?=\w*[A-Za-z])\w{1,5}\Z")
_LONGEST: Final = 200
"""Bytes of a name, so that a suffix still fits into the 255 of most file systems."""


def output_stems(names: Sequence[str]) -> list[str]:
    """Return the path of each recording's files, without suffix: distinct, and the same whatever the order of names.

    Recordings of one folder that differ only in their suffix, or in upper and lower case, keep the suffix; what is the
    same even so gets a number. Folders are kept, so that a tree of recordings makes a tree of transcripts.

    >>> output_stems(["talk.wav", "talk.mp3", "a/talk.wav", "v1.2 final.mp4", "v1.2 final"])
    ['talk.wav', 'talk.mp3', 'a/talk', 'v1.2 final.mp4', 'v1.2 final']

    Args:
        names: relative paths, with ``/`` between folders.
    """
    whole = [_usable(name) for name in names]
    short = [_SUFFIX.sub("", name) for name in whole]
    counts = Counter(map(_key, short))
    stems = [name if counts[_key(stem)] > 1 else stem for name, stem in zip(whole, short, strict=True)]
    taken: set[str] = set()
    found = dict[int, str]()
    for index in sorted(range(len(names)), key=lambda index: (stems[index], names[index])):
        stem, number = stems[index], 1
        while _key(stem) in taken:
            number += 1
            stem = f"{stems[index]}-{number}"
        taken.add(_key(stem))
        found[index] = stem
    return [found[index] for index in range(len(names))]


def _usable(name: str) -> str:
    """Return a path that every file system takes, and that stays in its folder."""
    parts = [_NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", part)) for part in name.split("/")]
    return "/".join(_cut(part) for part in parts if part.strip(". ")) or "recording"


def _cut(part: str) -> str:
    """Return a name that is not too long, with its suffix."""
    end = found[0] if (found := _SUFFIX.search(part)) else ""
    if len(part.encode()) <= _LONGEST:
        return part.lstrip(".") or part
    return part.encode()[: _LONGEST - len(end)].decode(errors="ignore").lstrip(".") + end


def _key(stem: str) -> str:
    return stem.casefold()
