"""The speech in Debian's packages: the dialogues of the game Fish Fillets, and the prompts of the exchange Asterisk.

The game has a script for each level, and a recording for each line that is spoken; the telephone exchange has one list
of texts, and a recording of 8 kHz for each.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acento.data.demo.real.selection import CorpusClip

_GAME: Final = "usr/share/games/fillets-ng"
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"dialogId\(\s*{_STRING}\s*,\s*{_STRING}\s*,\s*{_STRING}\s*\)\s*dialogStr\(\s*{_STRING}\s*\)", re.DOTALL
)
"""A line of a dialogue: its name, the font that tells who speaks, the English text, the text in this language."""
SPEAKER: Final = "allison"
_ENTRY = re.compile(r"([\w./-]+):\s*(.+?)\s*")
_NOT_SAID = re.compile(r"[\[\]()<>\d*#/]|\.\.\.$")
"""A text with such signs tells a tone, a digit or an unfinished sentence, not just words."""


def find_dialogues(unpacked: Path, language: str) -> Iterator[tuple[CorpusClip, Path]]:
    """Yield each line that is spoken, once, in the order of levels, with its recording."""
    game = unpacked / _GAME
    seen: set[str] = set()
    for script in sorted(game.glob(f"script/**/*dialogs_{language}.lua")):
        level = script.parent.name
        for line, font, _, written in _LINE.findall(script.read_text(encoding="utf-8")):
            recording = game / "sound" / level / language / f"{line}.ogg"
            text = re.sub(r"\\(.)", r"\1", written).strip()
            clip = CorpusClip(f"{level}_{line}", text, font.removeprefix("font_"), level)
            # a percent sign stands for what the game fills in
            if text and "%" not in text and clip.id not in seen and recording.is_file():
                seen.add(clip.id)
                yield clip, recording


def find_prompts(unpacked: Path, language: str) -> Iterator[tuple[CorpusClip, Path]]:
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
                yield CorpusClip(name.replace("/", "_"), text, SPEAKER, re.split("[-/]", name)[0]), recording
