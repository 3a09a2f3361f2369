"""Human speech with transcripts and speakers, from Debian's packages.

Each corpus is a folder with ``audio/`` and two tables that ``acento stage`` reads: ``clips.csv`` names every clip that
has a text, ``demo.csv`` the few that the demo, tests and benchmarks use. A dialogue is in one split.

Dutch and Czech are acted: two actors speak most of it, many small parts the rest, some with effects. English and
Spanish are prompts by one speaker at 8 kHz; the Spanish texts mostly lack their accents.
"""

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint_rows, sha256, sha256_file
from acento.core.packages import cached_folder
from acento.core.progress import report
from acento.data.demo.real import selection
from acento.data.demo.real.fetch import ROOM, download_debian

LAYOUT_VERSION: Final = 2
"""Part of the cached folder's name: raise it when the folder would be written differently."""
CLIPS: Final = "clips.csv"
DEMO: Final = "demo.csv"
_FOUND: Final = "found.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A language's speech, and what it is known to be."""

    language: str
    what: str
    packages: tuple[str, ...]
    find: Callable[[Path, str], Iterator[tuple[selection.CorpusClip, Path]]]
    """Finds the clips of a language in the unpacked packages."""
    clips: int
    digest: str
    """The digest of every clip's name, speaker, text and audio bytes."""
    demo: selection.Counts
    """How many clips of each split the demo uses."""
    speakers: tuple[str, ...]
    """Whose clips those are."""
    license: str


@dataclass(frozen=True, slots=True)
class RealClip:
    """A clip with what its script says."""

    id: str
    text: str
    audio: npt.NDArray[Any]
    """float32, mono, 16 kHz."""


def _acted(language: str, what: str, clips: int, digest: str, demo: selection.Counts) -> Corpus:
    packages = ("fillets-ng-data", f"fillets-ng-data-{language}")
    what += ", dialogues of the game Fish Fillets"
    return Corpus(language, what, packages, selection.find_dialogues, clips, digest, demo, ("small", "big"), "GPL-2")


def _prompted(language: str, what: str, clips: int, digest: str) -> Corpus:
    packages = (f"asterisk-core-sounds-{language}", f"asterisk-core-sounds-{language}-wav")
    what += " by one speaker, prompts of the telephone exchange Asterisk"
    return Corpus(
        language,
        what,
        packages,
        selection.find_prompts,
        clips,
        digest,
        {"test": 30},
        (selection.SPEAKER,),
        "CC-BY-SA-3.0",
    )


_DUTCH = "c03b799a521e56c5b15d943a42764dd216b63e8f4137f66420fee765a912a15a"
_CZECH = "383df82515fc23d5585e1ab52ab8cb5b374073b7baf460f12c60685d03cb7eb8"
_ENGLISH = "69a83fc5e2b61caa86d01bf41a234283e54127408ad704e92fea85be898a68c1"
_SPANISH = "40802b73ca2e1faf200d6db7a7d52a0424e5cd39b8772d3ea2aac9e9666e231d"
CORPORA: Final[Mapping[str, Corpus]] = {
    "nl": _acted("nl", "Dutch, acted by two", 1528, _DUTCH, {"train": 400, "dev": 48, "test": 184}),
    # a bound on a loss needs a narrower interval than a large gain does: twice as many
    "cs": _acted("cs", "Czech, acted by two and many small parts", 1704, _CZECH, {"test": 120}),
    "en": _prompted("en", "US English", 455, _ENGLISH),
    "es": _prompted("es", "Mexican Spanish", 414, _SPANISH),
}


@dataclass(frozen=True, slots=True)
class Speech:
    """A corpus in the cache."""

    folder: Path
    difference: str | None
    """How the corpus differs from that of the documentation's figures, in a sentence; None if it does not."""

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

    Debian's packages are signed, and another release may have another version of them: a corpus that differs from the
    known one is not refused, but ``difference`` says so. Raises InputError if the packages cannot be had.
    """
    corpus = CORPORA[language]
    folder = cached_folder(f"{ROOM}/speech-{language}-{LAYOUT_VERSION}", partial(_fill, corpus))
    found = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
    difference = (
        f"This machine's {corpus.packages[-1]} holds other speech than the figures in the documentation are of "
        f"({found['clips']} clips, {corpus.clips} are known): expect other figures."
    )
    return Speech(folder, None if found["digest"] == corpus.digest else difference)


def read_demo(language: str, split: selection.Split, count: int | None = None) -> list[RealClip]:
    """Return the demo's clips of a split in the order of their ids, or the first of them; fetched if need be."""
    from acento.core.audio.recording import decode

    speech = fetch_speech(language)
    with speech.demo.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split][:count]
    return [
        RealClip(row["id"], row["sentence"], decode(speech.folder / row["path"]).astype(np.float32) / 32768)
        for row in rows
    ]


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
    for clip, path in corpus.find(unpacked, corpus.language):
        clips.append(replace(clip, seconds=soundfile.info(path).duration, file=f"audio/{clip.id}{path.suffix}"))
        shutil.copyfile(path, folder / clips[-1].file)
    if not clips:
        raise InputError(f"{' and '.join(corpus.packages)} hold no {corpus.language} speech where it was looked for.")
    _write_table(folder / CLIPS, ((clip, selection.split_of_level(clip.level)) for clip in clips), corpus.language)
    _write_table(folder / DEMO, selection.choose(clips, corpus.demo, corpus.speakers), corpus.language)
    for package in corpus.packages:
        shutil.copyfile(unpacked / f"usr/share/doc/{package}/copyright", folder / f"copyright-{package}.txt")
    rows = ("\t".join([clip.id, clip.speaker, clip.text, sha256_file(folder / clip.file)]) for clip in clips)
    found = {"clips": len(clips), "digest": fingerprint_rows(sha256(row.encode()) for row in rows)}
    (folder / _FOUND).write_text(json.dumps(found), encoding="utf-8")
    for path in folder.glob("unpacked*"):
        shutil.rmtree(path)
    report(step, 2, 2, "steps")


def _write_table(path: Path, rows: Iterable[tuple[selection.CorpusClip, str]], language: str) -> None:
    """Write clips and their splits as a table that ``acento stage`` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "path", "sentence", "speaker", "split", "language"])
        for clip, split in rows:
            writer.writerow([clip.id, clip.file, clip.text, clip.speaker, split, language])
