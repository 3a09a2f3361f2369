"""Trials: some clips of a data set, drawn by chance, decoded by a loaded model while the clock runs."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import Card, read_clips
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.inference.transcribe import ClipReader
from acento.models.base import Audio, DecodeOptions, Recognizer

_LONGEST_S = 60.0
"""No longer clip is drawn: a recording of an hour says no more than a minute of it, and takes too long."""

Clock = Callable[[], float]
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Clips that trials decode, with what was said in them."""

    title: str
    """What they are clips of, such as ``santiago v2/dev``."""
    clips: tuple[PlannedClip, ...]
    """In the order drawn."""
    references: Mapping[str, str | None]
    read: Callable[[PlannedClip], Audio]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a trial."""

    texts: Mapping[str, str | None]
    audio_s: float
    seconds: float

    def __add__(self, other: "Heard") -> "Heard":
        return Heard({**self.texts, **other.texts}, self.audio_s + other.audio_s, self.seconds + other.seconds)

    @property
    def rtfx(self) -> float:
        """Audio seconds for each second of the clock."""
        return self.audio_s / max(self.seconds, 1e-9)


NOTHING = Heard({}, 0.0, 0.0)


def draw(store: Store, card: Card, split: str, count: int) -> Sample:
    """Draw clips of a split, by chance but always the same; fewer if it has no more.

    Raises:
        DataError: the split has no clips.
    """
    rows = [row for row in read_clips(store, card, split) if row.utterance.duration_s <= _LONGEST_S]
    rows = sorted(rows, key=lambda row: fingerprint(["tuning", row.utterance.id]))[:count]
    clips = tuple(
        PlannedClip(row.utterance.id, row.utterance.duration_s, row.utterance.audio_sha256, row.part, row.row)
        for row in rows
    )
    references = {row.utterance.id: row.utterance.text for row in rows}
    return Sample(f"{card.title}/{split}", clips, references, ClipReader(store))


def decode(
    recognizer: Recognizer,
    sample: Sample,
    clips: Sequence[PlannedClip],
    *,
    batch_size: int,
    workers: int,
    options: DecodeOptions,
    clock: Clock = perf_counter,
) -> Heard:
    """Decode clips in so many workers that share the model, as a benchmark does; audio is read before the clock starts.

    Raises:
        Exception: what the model raised, if a worker could not decode a single clip.
    """
    audio = {clip.id: sample.read(clip) for clip in clips}
    workers = workers if recognizer.shareable else 1
    ordered = sorted(clips, key=lambda clip: (-clip.duration_s, clip.id))
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    shares = [share for worker in range(workers) if (share := batches[worker::workers])]
    engine = Engine(recognizer, batch_size=batch_size, language=options.language, cut_s=options.cut_s)
    began = clock()
    with ThreadPoolExecutor(workers, thread_name_prefix="tuning") as pool:
        decoded = list(pool.map(lambda share: engine.decode(share, lambda clip: audio[clip.id]), shares))
    seconds = clock() - began
    texts = {one.id: one.text for part in decoded for one in part.predictions}
    return Heard(texts, sum(clip.duration_s for clip in clips), seconds)
