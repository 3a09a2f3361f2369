"""How often the gate and the leaderboard err, and what they see, by simulation: ``python benchmarks/gate.py``.

A clip is as hard for one model as for the other (a gamma-distributed rate of errors around 15 % of its words), one in
fifty makes a model hallucinate ten words, and a speaker suits one model better than another. Equal models have the same
rates: whatever is found between them is wrong. Takes some minutes on one core; ``--trials 100`` for a quick look.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from acento.models.windows import Fit
from acento.registry.gate.evidence import Evidence
from acento.registry.gate.gate import decide
from acento.registry.gate.looks import Look
from acento.registry.gate.verdict import GateVerdict
from acento.registry.gate.windows import decide_windows
from acento.scoring.comparing.ranks import place
from acento.scoring.score import SCHEMA, SCORED
from acento.scoring.table import TextTable

WER, SHAPE, HALLUCINATED, WORDS = 0.15, 0.8, 0.02, 10
RESAMPLES = 1000

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Clips of a test set, each as hard as it is, and who speaks them."""

    lengths: Ints
    rates: npt.NDArray[np.float64]
    speakers: Sequence[str | None]
    speaker_effect: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, clips: int, speakers: int = 0, speaker_effect: float = 0.0) -> "World":
        """Draw a test set; with ``speakers`` each says as many clips, else nobody knows who speaks."""
        lengths = rng.integers(3, 16, clips)
        rates = rng.gamma(SHAPE, WER / SHAPE, clips)
        names = [f"s{index % speakers}" if speakers else None for index in range(clips)]
        return cls(lengths, rates, names, speaker_effect)

    def model(self, rng: np.random.Generator, gain: float = 0.0) -> pa.Table:
        """Return the table of a model whose WER is ``gain`` lower, a fraction, with its own taste in speakers."""
        suits = {name: rng.normal(0, self.speaker_effect) for name in sorted({str(one) for one in self.speakers})}
        factors = np.array([np.exp(suits[str(name)] - self.speaker_effect**2 / 2) for name in self.speakers])
        rates = np.clip(self.rates * factors * (1 - gain / WER), 0, 1)
        errors = rng.binomial(self.lengths, rates)
        return table(errors + WORDS * rng.binomial(1, HALLUCINATED, len(errors)), self.lengths, self.speakers)


def table(errors: Ints, lengths: Ints, speakers: Sequence[str | None]) -> pa.Table:
    """Return a table as ``score_utterances`` makes it, of counts: errors are substitutions, then insertions."""
    substitutions = np.minimum(errors, lengths)
    known = {
        "id": [f"c{index:05d}" for index in range(len(lengths))],
        "status": [SCORED] * len(lengths),
        "split": ["test"] * len(lengths),
        "speaker": list(speakers),
        "duration_s": [3.0] * len(lengths),
        "normalized_reference": ["x"] * len(lengths),
        "normalized_hypothesis": [str(count) for count in errors],
        "word_substitutions": substitutions,
        "word_insertions": errors - substitutions,
        "word_deletions": np.zeros_like(lengths),
        "word_hits": lengths - substitutions,
    }
    empty: list[None] = [None] * len(lengths)
    return pa.table({field.name: pa.array(known.get(field.name, empty), field.type) for field in SCHEMA}, SCHEMA)


def judged(
    incumbent: pa.Table, candidate: pa.Table, look: int = 1, *, few: bool = False, windows: int = 1
) -> GateVerdict:
    """Return the gate's verdict."""
    return decide(
        Evidence("simulated", incumbent, candidate),
        look=Look(dataset="simulated", split="test", number=look, windows=windows),
        allow_few_speakers=few,
        resamples=RESAMPLES,
    )


def shares(trials: int, happens: Callable[[np.random.Generator], Sequence[bool]]) -> list[str]:
    """Return how often each of some things happens in so many trials, in percent with its standard error."""
    found = np.mean([happens(np.random.default_rng([13, trial])) for trial in range(trials)], axis=0)
    return [f"{100 * one:.1f} ± {100 * (one * (1 - one) / trials) ** 0.5:.1f}" for one in found]


def equal_candidates(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often a candidate that is no better is promoted at its first look."""
    for clips in (6, 20, 50, 200, 500):

        def promoted(rng: np.random.Generator, clips: int = clips) -> tuple[bool]:
            world = World.drawn(rng, clips)
            return (judged(world.model(rng), world.model(rng)).passed,)

        yield f"{clips} clips", *shares(trials, promoted)


def many_looks(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often one of many candidates that are no better is promoted, with looks counted and not."""
    for candidates in (1, 4, 16):

        def promoted(rng: np.random.Generator, candidates: int = candidates) -> tuple[bool, bool]:
            world = World.drawn(rng, 200)
            base, counted, not_counted = world.model(rng), False, False
            for look in range(1, candidates + 1):
                candidate = world.model(rng)
                # what does not pass a single test does not pass a stricter one
                if judged(base, candidate).passed:
                    not_counted, counted = True, counted or judged(base, candidate, look).passed
            return counted, not_counted

        yield str(candidates), *shares(trials, promoted)


def few_speakers(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often a candidate that is no better for people in general is promoted, 20 clips of each speaker."""
    for speakers in (4, 9, 10, 20, 40):

        def promoted(rng: np.random.Generator, speakers: int = speakers) -> list[bool]:
            world = World.drawn(rng, 20 * speakers, speakers, speaker_effect=0.3)
            tables = [world.model(rng), world.model(rng)]
            at, field = SCHEMA.get_field_index("speaker"), SCHEMA.field("speaker")
            unknown = [one.set_column(at, field, pa.nulls(len(one), field.type)) for one in tables]
            return [judged(*tables).passed, judged(*tables, few=True).passed, judged(*unknown).passed]

        yield f"{speakers} speakers", *shares(trials, promoted)


def chosen_windows(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often a candidate that is no better is promoted where the window gate chose its window before.

    Short windows change every third clip's errors by chance, and cost nothing in truth.
    """
    for clips in (60, 200, 500, 2000):

        def promoted(rng: np.random.Generator, clips: int = clips) -> list[bool]:
            world = World.drawn(rng, clips)
            base, full, other = (world.model(rng) for _ in range(3))
            kept = pa.array(rng.random(clips) < 2 / 3)
            short = pa.table([pc.if_else(kept, *pair) for pair in zip(full, other, strict=True)], schema=SCHEMA)
            windows = decide_windows(Evidence("simulated", full, short), fit=Fit(), resamples=RESAMPLES)
            chosen = short if windows.passed else full
            verdicts = judged(base, full), judged(base, chosen), judged(base, chosen, windows=2)
            return [*(one.passed for one in verdicts), windows.passed]

        yield f"{clips} clips", *shares(trials, promoted)


def power(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often a true gain is promoted."""
    for clips in (200, 500):
        for gain in (0.02, 0.04):

            def promoted(rng: np.random.Generator, clips: int = clips, gain: float = gain) -> list[bool]:
                world = World.drawn(rng, clips)
                tables = world.model(rng), world.model(rng, gain)
                return [judged(*tables, look).passed for look in (1, 2, 4)]

            yield f"{clips} clips, {100 * gain:.0f} points", *shares(trials, promoted)


def boards(trials: int) -> Iterator[tuple[str, ...]]:
    """Yield how often equal models have more than one rank, by what their tests are corrected for."""
    for models, speakers in ((2, 0), (5, 0), (10, 0), (10, 20)):

        def separated(rng: np.random.Generator, models: int = models, speakers: int = speakers) -> list[bool]:
            world = World.drawn(rng, 200, speakers, speaker_effect=0.3 if speakers else 0.0)
            places = place(sorted((world.model(rng) for _ in range(models)), key=_errors))
            if any(one.rank > 1 for one in places):
                return [True] * 3
            tests = [one.against.difference for one in places if one.against is not None]
            p_value = min(one.p_value for one in tests if one is not None and one.p_value is not None)
            return [p_value <= 0.05, p_value <= 0.05 / (models - 1), False]

        drawn = "200 clips" + (f" of {speakers} speakers" if speakers else "")
        yield f"{models} models, {drawn}", *shares(trials, separated)


def _errors(one: pa.Table) -> int:
    return sum(sum(one[f"word_{kind}"].to_pylist()) for kind in ("substitutions", "insertions"))


TABLES: dict[str, tuple[tuple[str, ...], Callable[[int], Iterator[tuple[str, ...]]]]] = {
    "Equal candidates that the gate promotes, %": (("test set", "promoted"), equal_candidates),
    "One of many equal candidates that the gate promotes, 200 clips, %": (
        ("candidates", "looks counted", "looks not counted"),
        many_looks,
    ),
    "Equal candidates that the gate promotes, 20 clips of each unseen speaker, %": (
        ("test set", "promoted", "--allow-few-speakers", "speakers not known"),
        few_speakers,
    ),
    "Equal candidates that the gate promotes, by who chose their window, %": (
        ("test set", "full windows", "the window gate, not counted", "the window gate", "short windows passed"),
        chosen_windows,
    ),
    "True gains that the gate promotes, %": (("test set, gain", "first look", "second", "fourth"), power),
    "Boards of equal models with more than one rank, %": (
        ("board", "not corrected", "Holm, tests made", "Holm, all pairs"),
        boards,
    ),
}


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--only", default="", help="Tables whose title holds this.")
    asked = parser.parse_args()
    for title, (columns, rows) in TABLES.items():
        if asked.only in title:
            began = time.monotonic()
            grid = TextTable(title, columns, tuple(rows(asked.trials)), text=frozenset(columns[:1]))
            print(grid.to_markdown())
            print(f"{asked.trials} trials each, {time.monotonic() - began:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
