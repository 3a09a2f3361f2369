"""How often the 95 % intervals of ``acento.scoring`` hold the truth, by simulation of clips whose truth is known.

    python benchmarks/interval_coverage.py [--trials 1000] [--resamples 1000]

Clips have 3 to 20 words and an error rate of their own (beta, overdispersed: hard clips and easy ones); with
hallucinations, 1 % of clips have 10 to 50 inserted words, which are part of the WER that is named. Speakers' rates vary
by 40 % of the WER. Nothing is read or written; the tables are Markdown, as in ``docs/concepts/coverage.md``.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acento.scoring.statistics.bootstrap import interval, paired

RATES = (0.03, 0.05, 0.1, 0.2, 0.3)
CLIPS = (20, 50, 100, 200, 500, 1000)
SPEAKERS = (5, 10, 20, 40)
CLIPS_EACH = 20

SHORTEST, LONGEST = 3, 20  # words
HALLUCINATED = 0.01
INSERTED = 10, 50  # words
SPREAD = 6.0
"""Of the clips' rates around their speaker's: the sum of the beta distribution's parameters."""
SPEAKERS_DIFFER = 0.4
"""Standard deviation of the speakers' rates, as a share of the WER."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """What clips are drawn from; its corpus WER is known."""

    wer: float
    hallucinations: bool = False
    speakers: int | None = None
    """Each with ``CLIPS_EACH`` clips; None draws every clip on its own."""

    def draw(self, rng: np.random.Generator, clips: int, systems: int = 1) -> tuple[list[Counts], Counts]:
        """Return each system's errors of each clip, and the clips' words; systems share what is hard."""
        words = rng.integers(SHORTEST, LONGEST + 1, clips)
        inserted = HALLUCINATED * np.mean(INSERTED) / np.mean((SHORTEST, LONGEST)) if self.hallucinations else 0.0
        mean = np.full(clips, self.wer - inserted)
        if self.speakers:
            mean = np.repeat(
                _beta(rng, mean[: self.speakers], (1 - mean[0]) / (SPEAKERS_DIFFER**2 * mean[0]) - 1), CLIPS_EACH
            )
        rates = _beta(rng, mean, SPREAD)
        errors = []
        for _ in range(systems):
            wrong = rng.binomial(words, rates)
            if self.hallucinations:
                wrong += (rng.random(clips) < HALLUCINATED) * rng.integers(INSERTED[0], INSERTED[1] + 1, clips)
            errors.append(wrong)
        return errors, words


@dataclass(frozen=True)
class Found:
    """What many trials came to; shares and widths are fractions."""

    held: float
    """How often the interval held the truth."""
    width: float
    """The median width."""


def rate_coverage(world: World, clips: int, *, trials: int, resamples: int, seed: int = 0) -> Found:
    """Return how often the interval of a WER holds the world's own."""
    rng = np.random.default_rng([seed, clips])
    held, widths = 0, []
    for trial in range(trials):
        (errors,), words = world.draw(rng, clips)
        bounds = interval(errors, words, groups=_names(world), resamples=resamples, seed=trial)
        if bounds is None:
            raise ValueError(f"{clips} clips have no interval: draw two or more.")
        held += world.wer in bounds
        widths.append(bounds.high - bounds.low)
    return Found(held / trials, float(np.median(widths)))


def false_findings(world: World, clips: int, *, trials: int, resamples: int, seed: int = 0) -> float:
    """Return how often two systems that err alike are told apart."""
    rng = np.random.default_rng([seed, clips])
    told = 0
    for trial in range(trials):
        (one, other), words = world.draw(rng, clips, systems=2)
        found = paired(one, words, other, groups=_names(world), resamples=resamples, seed=trial)
        told += found is not None and found.tells_apart
    return told / trials


def _beta(rng: np.random.Generator, mean: npt.NDArray[np.float64], spread: float) -> npt.NDArray[np.float64]:
    return rng.beta(mean * spread, (1 - mean) * spread)


def _names(world: World) -> list[str] | None:
    return [str(clip // CLIPS_EACH) for clip in range(world.speakers * CLIPS_EACH)] if world.speakers else None


def table(head: str, sizes: Sequence[int], rows: Iterator[tuple[str, list[str]]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, as they are known."""
    yield f"| {head} | {' | '.join(map(str, sizes))} |"
    yield f"| :--- |{' ---: |' * len(sizes)}"
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    given = parser.parse_args()
    asked = {"trials": given.trials, "resamples": given.resamples}

    def cell(found: Found) -> str:
        return f"{100 * found.held:.1f} ({100 * found.width:.1f})"

    def by_clips(hallucinations: bool) -> Iterator[tuple[str, list[str]]]:
        for wer in RATES:
            world = World(wer, hallucinations)
            yield f"{wer:.0%}", [cell(rate_coverage(world, clips, **asked)) for clips in CLIPS]

    def by_speakers(hallucinations: bool) -> Iterator[tuple[str, list[str]]]:
        for wer in RATES:
            worlds = [World(wer, hallucinations, speakers) for speakers in SPEAKERS]
            yield f"{wer:.0%}", [cell(rate_coverage(w, (w.speakers or 0) * CLIPS_EACH, **asked)) for w in worlds]

    def equal(hallucinations: bool) -> Iterator[tuple[str, list[str]]]:
        for wer in RATES:
            world = World(wer, hallucinations)
            yield f"{wer:.0%}", [f"{100 * false_findings(world, clips, **asked):.1f}" for clips in CLIPS]

    print(f"{given.trials} trials a cell, {given.resamples} resamples, level 95 %.")
    for title, head, sizes, rows in (
        ("Coverage % (median width, points)", "WER \\ clips", CLIPS, by_clips),
        (f"Coverage % by speakers, {CLIPS_EACH} clips each", "WER \\ speakers", SPEAKERS, by_speakers),
        ("Equal systems told apart, %", "WER \\ clips", CLIPS, equal),
    ):
        for hallucinations in (False, True):
            print(f"\n{title}, {'1 % of clips hallucinated' if hallucinations else 'no hallucinations'}\n")
            for line in table(head, sizes, rows(hallucinations)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
