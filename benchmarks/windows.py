"""What short windows cost in words and bring in speed: WER short against full, for a grid of margins, in one run.

    python benchmarks/windows.py --model TAUGHT [--clips 120] [--margins 0.5 1 1.5 2] [--engine transformers]

``TAUGHT`` is a Whisper that was taught short windows (``acento finetune --window fit``): a folder, or
``registry:NAME@VERSION``. Its Dutch test clips of 2 to 8 s are downloaded. Each row is the model at another window; all
rows take turns on the same clips. The WER's difference is paired, clip by clip, to that at the full window, with the
one-sided 95 % bound of the window gate, which lets a model run short windows up to +0.5 points. Whisper-base as
published stands beside it, at the full window and at the taught one: what short windows do to a model that was never
taught them.

A runaway is a text without an end, or one that repeats itself; the engine decodes it again at the full window.
"""

import argparse
import os
from typing import Any

from decoding_sides import Acento, Side, in_turns, word_errors

PUBLISHED = "demo:whisper-base"
BOUND = 0.5
"""Points: that of the window gate."""


def main() -> None:
    """Read the options, decode, and print a row for each window."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model that was taught short windows; without it only whisper-base")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--margins", type=float, nargs="+", default=[0.5, 1.0, 1.5, 2.0], help="seconds")
    parser.add_argument("--engine", choices=["ctranslate2", "transformers"], default="ctranslate2")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--language", default="nl")
    parser.add_argument("--skip-published", action="store_true", help="only the model that was named")
    options = parser.parse_args()
    if options.skip_published and not options.model:
        parser.error("Nothing is left to measure: name a --model, or leave --skip-published out.")
    from dutch import dutch

    from acento.models.devices import device_name
    from acento.models.windows import Fit

    read = dutch("test", options.clips)
    clips, references = {clip.id: clip.audio for clip in read}, {clip.id: clip.text for clip in read}
    models = ([options.model] if options.model else []) + ([] if options.skip_published else [PUBLISHED])
    sides: dict[str, Side] = {}
    usual = window_of(models[0])
    for model in models:
        margins = options.margins if model == models[0] else [usual.margin_s]
        sides |= at_windows(model, options, [Fit(margin_s=one, shortest_s=usual.shortest_s) for one in margins])
    held = "int8" if options.engine == "ctranslate2" else "float32"
    print(f"{device_name('cpu')}, {options.cores} core(s), {options.engine} {held}, batch {options.batch_size}")
    total = sum(map(len, clips.values())) / 16000
    print(f"{len(clips)} Dutch clips of 2 to 8 s, {total:.0f} s in all; {options.rounds} round(s), their median\n")
    found = in_turns(sides, clips, options.rounds)
    print(
        "| model | window | WER % | against full, points | at most (95 %) | runaways | RTFx | audio s / CPU s "
        "| bounded by |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for model in models:
        full = word_errors(references, found[title(model, None)].heard)
        for name, one in found.items():
            if name.startswith(f"{model} | "):
                errors, words = word_errors(references, one.heard)
                row = [name, f"{100 * sum(errors) / sum(words):.1f}"]
                row += ["", ""] if name == title(model, None) else against(errors, words, full[0])
                shares = one.heard.shares
                largest = max(shares, key=lambda stage: shares[stage])
                row += [str(one.heard.runaways), f"{one.rtfx:.1f}", f"{one.by_cpu:.1f}", largest]
                print(f"| {' | '.join(row)} |", flush=True)
    print(f"\nThe window gate lets short windows pass where the bound is at most +{BOUND} points.")


def title(model: str, fit: Any) -> str:
    """Return what a row is called."""
    return f"{model} | {'full' if fit is None else fit.title}"


def window_of(model: str) -> Any:
    """Return the short window that a model was taught, or the usual one."""
    from acento.models.checkpoints.resolver import resolve
    from acento.models.checkpoints.taught import taught
    from acento.models.windows import Fit

    return taught(resolve(model).folder) or Fit()


def at_windows(model: str, options: argparse.Namespace, fits: list[Any]) -> dict[str, Side]:
    """Return a model at the full window and at short ones."""
    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve

    checkpoint = resolve(model)
    if options.engine == "ctranslate2":
        checkpoint = resolve(f"{checkpoint.folder}:ctranslate2-int8")  # also of a version that was never exported
    return {
        title(model, fit): Acento(
            checkpoint, DecodeOptions(language=options.language, fit=fit), options.batch_size, options.cores
        )
        for fit in (None, *fits)
    }


def against(errors: list[int], words: list[int], full: list[int]) -> tuple[str, str]:
    """Return how many points more a window costs than the full one, and how many at most."""
    from acento.scoring.statistics.bootstrap import paired

    found = paired(errors, words, full)
    if found is None or found.upper is None:
        return "-", "-"
    return f"{100 * found.delta:+.2f}", f"{100 * found.upper:+.2f}"


if __name__ == "__main__":
    main()
