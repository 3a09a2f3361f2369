"""The clips of speech in Debian's packages, and which of them the demo uses.

The game Fish Fillets has a script for each level, and a recording for each line that is spoken; the telephone exchange
Asterisk has one list of texts, and a recording of 8 kHz for each. The rule of the selection was fixed before any clip
was transcribed.
"""

import gzip
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from acento.data.splits import prompt_of, split_of

Split = Literal["train", "dev", "test"]
Counts = Mapping[Split, int]

LEAST_WORDS: Final = 4
"""Whisper answers shorter calls with whatever comes to mind; they would be most of the errors."""
SECONDS: Final = (1.0, 8.0)
SHARES: Final = {"train": 0.65, "dev": 0.1, "test": 0.25}

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


@dataclass(frozen=True, slots=True)
class CorpusClip:
    """A spoken text; ``level`` names what it belongs together with, such as a dialogue."""

    id: str
    text: str
    speaker: str
    level: str
    seconds: float = 0.0
    file: str = ""
    """Its recording, within the corpus's folder."""


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


def split_of_level(level: str) -> str:
    """Return the split of all that belongs together, so that no dialogue is in two.

    >>> split_of_level("airplane"), split_of_level("briefcase")
    ('train', 'test')
    """
    return split_of(f"level:{level}", shares=SHARES)


def choose(clips: Iterable[CorpusClip], counts: Counts, speakers: Collection[str]) -> list[tuple[CorpusClip, str]]:
    """Return the demo's clips with their splits, in the order of their ids.

    Taken are clips of these speakers with at least ``LEAST_WORDS`` words, of 1 to 8 s, whose text is said in one level
    only. Of these each split gets as many as ``counts`` says, drawn by a hash of their ids.
    """
    clips = list(clips)
    levels: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        levels[prompt_of(clip.text)].add(clip.level)
    fitting: dict[str, list[CorpusClip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: hashlib.sha256(clip.id.encode()).hexdigest()):
        prompt = prompt_of(clip.text)
        fits = len(prompt.split()) >= LEAST_WORDS and SECONDS[0] <= clip.seconds <= SECONDS[1]
        if fits and clip.speaker in speakers and len(levels[prompt]) == 1:
            fitting[split_of_level(clip.level)].append(clip)
    chosen = [(clip, split) for split, count in counts.items() for clip in fitting[split][:count]]
    return sorted(chosen, key=lambda row: row[0].id)
