"""The model cards of the shipped models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from acento.data.demo.speech import BASE_SPEAKERS
from examples.demo_models.recipe import MEL_BINS, WINDOW_S, FamilyName, Recipe

_TITLES: Final[dict[FamilyName, str]] = {"whisper": "Whisper", "moonshine": "Moonshine", "parakeet": "Parakeet"}
_HEARS: Final[dict[FamilyName, str]] = {
    "whisper": f"{WINDOW_S} s of 16 kHz audio at once, {MEL_BINS} mel bins",
    "moonshine": f"16 kHz audio, {WINDOW_S} s at once in training",
    "parakeet": f"16 kHz audio, {WINDOW_S} s at once in training, {MEL_BINS} mel bins",
}
_WRITES: Final[dict[FamilyName, str]] = {
    "whisper": "a token is a letter",
    "moonshine": "a token is a letter or a frequent piece of a word",
    "parakeet": "a token is a letter",
}


def model_card(recipe: Recipe, rates: Mapping[str, float], parameters: int) -> str:
    """README.md of a model folder: what it is, from what, how it was made, and how well it does (WER in percent)."""
    title, layers = _TITLES[recipe.family], f"{recipe.encoder_layers} layers"
    if recipe.decoder_layers:
        layers = f"{recipe.encoder_layers} encoder and {recipe.decoder_layers} decoder layers"
    shape = f"width {recipe.width}, {recipe.heads} heads, {layers}"
    steps = ", then ".join(f"{phase.steps} at up to {phase.learning_rate}" for phase in recipe.phases)
    phases = f" in each of {len(recipe.phases)} phases" if len(recipe.phases) > 1 else ""
    data = (
        f"{recipe.clips:,} synthetic clips{phases}: neutral Spanish sentences of "
        f"Acento's own generator, spoken by espeak-ng's `es-419` with {len(BASE_SPEAKERS)} speaker variants at "
        "random rates, pitches and levels, half of them with noise"
    )
    return f"""---
language: es
license: apache-2.0
library_name: transformers
pipeline_tag: automatic-speech-recognition
---

# {recipe.name}

A {title}-architecture model of {parameters / 1e6:.1f} million parameters that ships with Acento for its demo, its
tests and its benchmarks. It knows the small, synthetic world of that demo and nothing else: **do not use it on
real speech**.

| | |
|---|---|
| shape | {shape} |
| hears | {_HEARS[recipe.family]} |
| writes | Spanish, lower case, no punctuation; {_WRITES[recipe.family]} |
| trained on | {data} |
| not trained on | any sentence or voice of the demo's data set; any accent |
| recipe | `python -m examples.demo_models --only {recipe.name}` |
| seed | {recipe.seed} |
| steps of {recipe.batch} clips | {steps} |

{_measured(rates)}"""


def converted_card(name: str, source: Recipe, rates: Mapping[str, float]) -> str:
    """README.md of a folder with another model's weights in NeMo's files."""
    return f"""---
language: es
license: apache-2.0
library_name: nemo
pipeline_tag: automatic-speech-recognition
---

# {name}

The weights of `{source.name}` in a `.nemo` file, an `EncDecCTCModel` with a FastConformer encoder: NeMo's
architecture and transformers' Parakeet are the same, and both write the same texts. What it was trained on stands in
the card of `{source.name}`. It knows the small, synthetic world of Acento's demo and nothing else: **do not use it on
real speech**.

It needs NeMo: `pip install 'acento[nemo]'`. It was made by `python -m examples.demo_models --only {name}`.

{_measured(rates)}"""


def _measured(rates: Mapping[str, float]) -> str:
    how = "by voices never heard in training (corpus WER, greedy decoding, float32)"
    return f"""Word error rate on the demo's test clips, {how}:

| clips | WER |
|---|---|
| neutral (300) | {rates["neutral"]:.1f} % |
| Chilean accent (150) | {rates["chilean"]:.1f} % |

The accent is made by respelling before synthesis. The gap between the two lines is what fine-tuning is to close.
"""
