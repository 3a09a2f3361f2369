"""What scoring takes of time and memory, beside jiwer on the same normalized texts.

    python benchmarks/scoring.py [--utterances 100000] [--resamples 10000]

Sentences of 3 to 20 made-up words, of which about one in ten is wrong. Normalizing is timed apart. Each part runs in a
process of its own, whose peak of memory is reported (Linux). Acento reads the texts one by one and writes its table to
a file, as in a run; jiwer needs all of them.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from acento.core.text import normalizer
from acento.scoring.score import UtteranceResult, summarize
from acento.scoring.stored import UTTERANCES, write_utterances

LETTERS = "abcdefghijklmnñopqrstuvzáéíóú"


def pairs(utterances: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield references and hypotheses, the same for a seed."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(LETTERS, k=rng.randint(1, 9))) for _ in range(20_000)]
    for _ in range(utterances):
        reference = rng.choices(words, k=rng.randint(3, 20))
        heard: list[str] = []
        for word in reference:
            chance = rng.random()
            heard += [rng.choice(words)] if chance < 0.06 else [] if chance < 0.08 else [word]
            heard += [rng.choice(words)] if chance > 0.98 else []
        yield " ".join(reference), " ".join(heard)


def of_acento(utterances: int, resamples: int) -> dict[str, float]:
    """Time the counts of words and characters and the intervals."""
    rule = normalizer("none")
    results = (
        UtteranceResult(f"{place:08d}", reference, hypothesis, None, "test", None, None, 3.0)
        for place, (reference, hypothesis) in enumerate(pairs(utterances))
    )
    with TemporaryDirectory() as folder:
        before = time.perf_counter()
        write_utterances(Path(folder, UTTERANCES), results, rule)
        counted = time.perf_counter()
        with pq.ParquetFile(Path(folder, UTTERANCES)) as table:
            summarize(table, rule, resamples=resamples)
    return {"counts": counted - before - making(utterances), "summary": time.perf_counter() - counted}


def of_jiwer(utterances: int, _: int) -> dict[str, float]:
    """Time jiwer's counts of words and characters; it has no intervals."""
    import jiwer

    references, hypotheses = (list(texts) for texts in zip(*pairs(utterances), strict=True))
    before = time.perf_counter()
    jiwer.process_words(references, hypotheses)
    words = time.perf_counter()
    jiwer.process_characters(references, hypotheses)
    return {"words": words - before, "characters": time.perf_counter() - words}


def of_normalizing(utterances: int, _: int) -> dict[str, float]:
    """Time the normalizers that have no model behind them."""
    texts = [text for pair in pairs(utterances) for text in pair]
    found = {}
    for name in ("basic", "chilean-leaderboard"):
        rule, before = normalizer(name), time.perf_counter()
        for text in texts:
            rule(text)
        found[name] = time.perf_counter() - before
    return found


def making(utterances: int) -> float:
    """Return the seconds that making the texts takes, which are made while they are scored."""
    before = time.perf_counter()
    for _ in pairs(utterances):
        pass
    return time.perf_counter() - before


PARTS = {"acento": of_acento, "jiwer": of_jiwer, "normalizing": of_normalizing}


def main() -> None:
    """Read the options and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--parts", nargs="+", default=[*PARTS], choices=[*PARTS])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        took = PARTS[options.one](options.utterances, options.resamples)
        print(json.dumps({"took": took, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    sizes = ["--utterances", str(options.utterances), "--resamples", str(options.resamples)]
    print(f"{options.utterances:,} utterances, {options.resamples:,} resamples\n")
    print("| what | seconds | of them | peak MB |")
    print("| :--- | ---: | :--- | ---: |")
    for part in options.parts:
        done = subprocess.run(
            [sys.executable, __file__, "--one", part, *sizes], check=True, stdout=subprocess.PIPE, text=True
        )
        found = json.loads(done.stdout)
        of_them = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["took"].items())
        print(f"| {part} | {sum(found['took'].values()):.1f} | {of_them} | {found['peak']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
