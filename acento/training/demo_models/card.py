"""The model card of a shipped model."""

from __future__ import annotations

from collections.abc import Mapping

from acento.data.demo.voices import BASE_SPEAKERS
from acento.training.demo_models.recipe import MEL_BINS, WINDOW_S, Recipe


def model_card(recipe: Recipe, rates: Mapping[str, float], parameters: int) -> str:
    """README.md of a model folder: what it is, from what, how it was made, and how well it does (WER in percent)."""
    shape = (
        f"width {recipe.width}, {recipe.heads} heads, "
        f"{recipe.encoder_layers} encoder and {recipe.decoder_layers} decoder layers"
    )
    steps = ", then ".join(f"{phase.steps} at up to {phase.learning_rate}" for phase in recipe.phases)
    data = (
        f"{recipe.clips:,} synthetic clips in each of {len(recipe.phases)} phases: neutral Spanish sentences of "
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

A Whisper-architecture model of {parameters / 1e6:.1f} million parameters that ships with Acento for its demo, its
tests and its benchmarks. It knows the small, synthetic world of that demo and nothing else: **do not use it on
real speech**.

| | |
|---|---|
| shape | {shape} |
| hears | {WINDOW_S} s of 16 kHz audio at once, {MEL_BINS} mel bins |
| writes | Spanish, lower case, no punctuation; a token is a letter |
| trained on | {data} |
| not trained on | any sentence or voice of the demo's data set; any accent |
| recipe | `python -m acento.training.demo_models --only {recipe.name}` |
| seed | {recipe.seed} |
| steps of {recipe.batch} clips | {steps} |

Word error rate on the demo's test clips, by voices never heard in training (corpus WER, greedy decoding, float32):

| clips | WER |
|---|---|
| neutral (300) | {rates["neutral"]:.1f} % |
| Chilean accent (150) | {rates["chilean"]:.1f} % |

The accent is made by respelling before synthesis. The gap between the two lines is what fine-tuning is to close.
"""
