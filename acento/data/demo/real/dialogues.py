"""The dialogues of the game Fish Fillets: a script for each level, and a recording for each line that is spoken."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acento.data.demo.real.selection import Clip

_GAME: Final = "usr/share/games/fillets-ng"
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"dialogId\(\s*{_STRING}\s*,\s*{_STRING}\s*,\s*{_STRING}\s*\)\s*dialogStr\(\s*{_STRING}\s*\)", re.DOTALL
)
"""A line of a dialogue: its name, the font that tells who speaks, the English text, the text in this language."""


def find_dialogues(unpacked: Path, language: str) -> Iterator[tuple[Clip, Path]]:
    """Yield each line that is spoken, once, in the order of levels, with its recording."""
    game = unpacked / _GAME
    seen: set[str] = set()
    for script in sorted(game.glob(f"script/**/*dialogs_{language}.lua")):
        level = script.parent.name
        for line, font, _, written in _LINE.findall(script.read_text(encoding="utf-8")):
            recording = game / "sound" / level / language / f"{line}.ogg"
            text = re.sub(r"\\(.)", r"\1", written).strip()
            clip = Clip(f"{level}_{line}", text, font.removeprefix("font_"), level)
            # a percent sign stands for what the game fills in
            if text and "%" not in text and clip.id not in seen and recording.is_file():
                seen.add(clip.id)
                yield clip, recording
