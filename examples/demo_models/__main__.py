"""Train the shipped models anew: `python -m examples.demo_models [--out DIR] [--only NAME] [--smoke]`."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

import acento
from acento.core.errors import ModelError
from acento.data.demo import demo_clips
from acento.data.demo.sentences import vocabulary
from acento.models.families import FAMILIES
from examples.demo_models import checkpoint, corpus
from examples.demo_models.card import converted_card, model_card
from examples.demo_models.family import family_of
from examples.demo_models.measure import word_error_rate
from examples.demo_models.recipe import CONVERTED, RECIPES, Recipe
from examples.demo_models.train import train

SHIPPED: Final = Path(acento.__file__).resolve().parent / "assets" / "models"


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: the same sums on every machine, and no waiting for a core that is busy elsewhere."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def make(recipe: Recipe, out: Path, console: Console, first: int = 1, smoke: bool = False) -> dict[str, float]:
    """Train one model into `out/<name>`, measure it on the demo's test clips, and write its card.

    Each phase ends with a checkpoint there, and the next one starts from it; `first` is the phase to begin with.
    Returns the WER in percent by accent.
    """
    import torch

    family = family_of(recipe)
    cover = frozenset() if smoke else vocabulary(clip.text for clip in demo_clips())
    folder, start = out / recipe.name, time.monotonic()
    for number, phase in enumerate(recipe.phases, start=1):
        if number < first:
            continue
        seed = recipe.seed + number - 1
        torch.manual_seed(seed)
        say = f"{recipe.name}, phase {number} of {len(recipe.phases)}"
        clips = corpus.build(recipe.clips, seed, cover, family.featurize, _spoken(say, console))
        model = family.load(folder) if number > 1 else family.fresh()
        train(family.learner(model, clips), clips, phase, recipe.batch, seed, _trained(say, phase.steps, console))
        checkpoint.save(model, family.parts(), folder, f"{say}, not measured.\n")
    minutes = (time.monotonic() - start) / 60
    rates = measure(folder, 4 if smoke else None)
    parameters = sum(parameter.numel() for parameter in family.load(folder).parameters())
    checkpoint.write_card(folder, model_card(recipe, rates, parameters))
    console.print(f"{recipe.name}: WER {rates}, {minutes:.1f} min, in {folder}")
    return rates


@one_thread()
def convert(name: str, out: Path, console: Console, smoke: bool = False) -> dict[str, float]:
    """Write one model's weights in the files of another into `out/<name>`, measure that, and write its card.

    Returns the WER in percent by accent.

    Raises:
        ModelError: NeMo is not installed, or the model to convert is not in `out`.
    """
    if (sentence := FAMILIES["nemo"].missing()) is not None:
        raise ModelError(sentence)
    from examples.demo_models.nemo import convert as to_nemo

    source, folder = out / CONVERTED[name], out / name
    if not source.is_dir():
        raise ModelError(f"{name} is made from {source.name}, which is not in {out}: make it first (--only).")
    to_nemo(source, folder, f"{name}, not measured.\n")
    rates = measure(folder, 4 if smoke else None)
    checkpoint.write_card(folder, converted_card(name, RECIPES[source.name], rates))
    console.print(f"{name}: WER {rates}, in {folder}")
    return rates


def measure(folder: Path, limit: int | None = None) -> dict[str, float]:
    """The WER in percent on the demo's test clips, by accent."""
    tests = [clip for clip in demo_clips() if clip.split == "test"]
    return {
        accent: word_error_rate(folder, [clip for clip in tests if clip.accent == accent][:limit])
        for accent in ("neutral", "chilean")
    }


def _spoken(say: str, console: Console) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        if done == total or done % 1024 == 0:
            console.print(f"{say}: {done}/{total} clips spoken")

    return report


def _trained(say: str, steps: int, console: Console) -> Callable[[int, float, float], None]:
    begin, losses = time.monotonic(), list[tuple[float, float]]()

    def report(step: int, loss: float, ctc: float) -> None:
        losses.append((loss, ctc))
        if step % 50 == 0 or step == steps:
            recent = np.mean(losses[-50:], axis=0)
            spent = time.monotonic() - begin
            left = spent / step * (steps - step)
            console.print(f"{say}: step {step}/{steps}, loss {recent[0]:.4f}, CTC {recent[1]:.4f}, {left:.0f} s left")

    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and make the models it asks for."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo_models", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=SHIPPED, help="where the model folders go (default: where they ship)"
    )
    parser.add_argument("--only", choices=(*RECIPES, *CONVERTED), help="one of the models")
    parser.add_argument("--phase", type=int, default=1, help="begin with this phase, from the checkpoint in --out")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a few clips, to see that it runs")
    options = parser.parse_args(arguments)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    console = Console()
    for name, recipe in RECIPES.items():
        if options.only in (None, name):
            make(recipe.smoke() if options.smoke else recipe, options.out, console, options.phase, options.smoke)
    for name in CONVERTED:
        if options.only == name or (options.only is None and FAMILIES["nemo"].missing() is None):
            convert(name, options.out, console, options.smoke)


if __name__ == "__main__":
    main()
