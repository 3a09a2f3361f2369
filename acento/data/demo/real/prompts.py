"""The prompts of the telephone exchange Asterisk: one list of texts, and a recording of 8 kHz for each."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acento.data.demo.real.selection import Clip

SPEAKER: Final = "allison"
_ENTRY = re.compile(r"([\w./-]+):\s*(.+?)\s*")
_NOT_SAID = re.compile(r"[\[\]()<>\d*#/]|\.\.\.$")
"""A text with such signs tells a tone, a digit or an unfinished sentence, not just words."""


def find_prompts(unpacked: Path, language: str) -> Iterator[tuple[Clip, Path]]:
    """Yield each prompt whose text is plain words, in the order of their names, with its recording."""
    listed = next(unpacked.glob(f"usr/share/doc/*/core-sounds-{language}.txt.gz"), None)
    if listed is None:
        return
    lines = gzip.decompress(listed.read_bytes()).decode().splitlines()
    texts = {found[1]: found[2] for line in lines if (found := _ENTRY.fullmatch(line))}
    for root in sorted(path for path in unpacked.glob(f"usr/share/asterisk/sounds/{language}_*") if path.is_dir()):
        for recording in sorted(root.rglob("*.wav")):
            name = recording.relative_to(root).with_suffix("").as_posix()
            text = texts.get(name, "")
            if text and not _NOT_SAID.search(text):
                yield Clip(name.replace("/", "_"), text, SPEAKER, re.split("[-/]", name)[0]), recording
