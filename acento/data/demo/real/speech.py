"""Acted Czech and Dutch speech with transcripts and speakers: the dialogues of the game Fish Fillets, from Debian.

Each corpus is a folder with ``audio/`` and two tables that ``acento stage`` reads: ``clips.csv`` names every clip that
has a text, ``demo.csv`` the few that the demo uses. The text is what the script says; the actors keep to it nearly
always. Two actors speak most of it, many small parts the rest, some with effects. A level of the game is one dialogue,
so splits are made by level.
"""

import csv
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from acento.data.demo.real.fetch import download_debian, keep
from acento.data.demo.real.selection import Clip, Counts, choose, split_of_level
from acento.errors import InputError
from acento.fingerprint import fingerprint_rows, sha256, sha256_file
from acento.progress import report

LAYOUT_VERSION: Final = 1
"""Part of the cached folder's name: raise it when the folder would be written differently."""
CLIPS: Final = "clips.csv"
DEMO: Final = "demo.csv"
_FOUND: Final = "found.json"
_GAME: Final = "usr/share/games/fillets-ng"

_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"dialogId\(\s*{_STRING}\s*,\s*{_STRING}\s*,\s*{_STRING}\s*\)\s*dialogStr\(\s*{_STRING}\s*\)", re.DOTALL
)
"""A line of a dialogue: its name, the font that tells who speaks, the English text, the text in this language."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A language of the game's speech, and what it is known to be."""

    language: str
    what: str
    packages: tuple[str, ...]
    clips: int
    digest: str
    """Of every clip's name, speaker, text and audio bytes."""
    demo: Counts
    """How many clips of each split the demo uses."""
    license: str = "GPL-2"


CORPORA: Final[Mapping[str, Corpus]] = {
    corpus.language: corpus
    for corpus in (
        Corpus(
            language="nl",
            what="Dutch, acted by two, dialogues of the game Fish Fillets",
            packages=("fillets-ng-data", "fillets-ng-data-nl"),
            clips=1528,
            digest="c03b799a521e56c5b15d943a42764dd216b63e8f4137f66420fee765a912a15a",
            demo={"train": 120, "dev": 32, "test": 60},
        ),
        Corpus(
            language="cs",
            what="Czech, acted by two and many small parts, dialogues of the game Fish Fillets",
            packages=("fillets-ng-data", "fillets-ng-data-cs"),
            clips=1704,
            digest="383df82515fc23d5585e1ab52ab8cb5b374073b7baf460f12c60685d03cb7eb8",
            # a bound on a loss needs a narrower interval than a large gain does: twice as many
            demo={"test": 120},
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Speech:
    """A corpus in the cache."""

    folder: Path
    difference: str | None
    """What differs from the corpus that figures in the documentation are of, in a sentence; None: nothing."""

    @property
    def clips(self) -> Path:
        """The table of every clip."""
        return self.folder / CLIPS

    @property
    def demo(self) -> Path:
        """The table of the demo's clips."""
        return self.folder / DEMO


def fetch_speech(language: str) -> Speech:
    """Return a corpus of ``CORPORA``; it is downloaded if need be.

    Debian's packages are signed, and another release of Debian may have another version of them: what differs from the
    corpus that is known here is not refused, but said.

    Raises:
        InputError: this is no Debian or Ubuntu, apt-get did not get the packages, or they hold no such speech.
        StoreError: the cache cannot be written.
    """
    corpus = CORPORA[language]
    folder = keep(f"speech-{language}-{LAYOUT_VERSION}", partial(_fill, corpus))
    found = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
    if found["digest"] == corpus.digest:
        return Speech(folder, None)
    return Speech(
        folder,
        f"This machine's {corpus.packages[-1]} holds other speech than the figures in the documentation are of "
        f"({found['clips']} clips, {corpus.clips} are known): expect other figures.",
    )


def _fill(corpus: Corpus, folder: Path) -> None:
    """Download, pick the clips that have a text, write the tables."""
    import soundfile

    step = f"fetch {corpus.language} speech"
    report(step, 0, 2, "steps", "downloading")
    unpacked = folder / "unpacked"
    download_debian(corpus.packages, unpacked)
    report(step, 1, 2, "steps", "reading")
    (folder / "audio").mkdir()
    clips = []
    for clip, path in find_clips(unpacked / _GAME, corpus.language):
        clips.append(clip.lasting(soundfile.info(path).duration))
        shutil.copyfile(path, folder / _audio(clip))
    if not clips:
        raise InputError(f"{' and '.join(corpus.packages)} hold no {corpus.language} speech where it was looked for.")
    write_table(folder / CLIPS, ((clip, split_of_level(clip.level)) for clip in clips), corpus.language)
    write_table(folder / DEMO, choose(clips, corpus.demo), corpus.language)
    for package in corpus.packages:
        shutil.copyfile(unpacked / f"usr/share/doc/{package}/copyright", folder / f"copyright-{package}.txt")
    found = {"clips": len(clips), "digest": digest_of(clips, folder)}
    (folder / _FOUND).write_text(json.dumps(found), encoding="utf-8")
    for path in folder.glob("unpacked*"):
        shutil.rmtree(path)
    report(step, 2, 2, "steps")


def find_clips(game: Path, language: str) -> Iterator[tuple[Clip, Path]]:
    """Yield each line of the game's dialogues that is spoken, once, in the order of levels, with its recording."""
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


def write_table(path: Path, rows: Iterable[tuple[Clip, str]], language: str) -> None:
    """Write clips and their splits as a table that ``acento stage`` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "path", "sentence", "speaker", "split", "language"])
        for clip, split in rows:
            writer.writerow([clip.id, _audio(clip), clip.text, clip.speaker, split, language])


def digest_of(clips: Sequence[Clip], folder: Path) -> str:
    """Return what names the content of a corpus."""
    return fingerprint_rows(
        sha256("\t".join([clip.id, clip.speaker, clip.text, sha256_file(folder / _audio(clip))]).encode())
        for clip in clips
    )


def _audio(clip: Clip) -> str:
    return f"audio/{clip.id}.ogg"
