"""The word error rate of a model folder on the demo's clips, as Acento hears them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acento.models.base import DecodeOptions
from examples.demo_models.corpus import Audio, spoken

if TYPE_CHECKING:
    from acento.data.demo import DemoClip


def transcribe(folder: Path, audios: Sequence[Audio], batch: int = 16) -> list[str]:
    """What a checkpoint folder hears in float32, mono, 16 kHz clips, each no longer than its window."""
    from acento.models.checkpoints.resolver import resolve

    model = resolve(str(folder))
    recognizer = model.family.load(model.folder, DecodeOptions(language="es"))
    texts: list[str] = []
    for start in range(0, len(audios), batch):
        tokens = recognizer.infer(recognizer.prepare(audios[start : start + batch]))
        texts += [transcript.text for transcript in recognizer.finish(tokens)]
    recognizer.close()
    return texts


def word_error_rate(folder: Path, clips: Sequence[DemoClip]) -> float:
    """The corpus WER of a model on demo clips, in percent."""
    import jiwer

    heard = transcribe(folder, [spoken(clip.spoken, clip.voice) for clip in clips])
    return 100 * float(jiwer.wer([clip.text for clip in clips], [text.strip() or "-" for text in heard]))
