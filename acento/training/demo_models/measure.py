"""The word error rate of a model folder on the demo's clips, by plain transformers and jiwer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acento.training.demo_models.corpus import Audio, spoken
from acento.training.demo_models.recipe import SAMPLE_RATE

if TYPE_CHECKING:
    from acento.data.demo import DemoClip


def transcribe(folder: Path, audios: Sequence[Audio], batch: int = 16) -> list[str]:
    """What a checkpoint folder hears in float32, mono, 16 kHz clips, each no longer than its window."""
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    processor = WhisperProcessor.from_pretrained(folder)
    texts: list[str] = []
    for start in range(0, len(audios), batch):
        features = processor(
            list(audios[start : start + batch]), sampling_rate=SAMPLE_RATE, return_tensors="pt"
        ).input_features
        with torch.inference_mode():
            ids = model.generate(features, language="es", task="transcribe")
        texts += processor.batch_decode(ids, skip_special_tokens=True)
    return texts


def word_error_rate(folder: Path, clips: Sequence[DemoClip]) -> float:
    """The corpus WER of a model on demo clips, in percent."""
    import jiwer

    heard = transcribe(folder, [spoken(clip.spoken, clip.voice) for clip in clips])
    return 100 * float(jiwer.wer([clip.text for clip in clips], [text.strip() or "-" for text in heard]))
