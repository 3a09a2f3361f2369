"""Audio longer than the model's window, with a model that really hears: whole, nothing lost or doubled at the seams."""

import numpy as np
import pytest

from acento.core.audio.recording import decode
from acento.data.demo import demo_clips, wav_bytes
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.scoring.counting.counts import count_words

pytestmark = pytest.mark.slow


def test_a_recording_of_a_minute_is_heard_as_its_sentences_are_one_by_one() -> None:
    checkpoint = resolve("demo:whisper-mini")
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es"))
    chosen = [clip for clip in demo_clips() if clip.accent == "neutral"][:20]
    sentences = [decode(wav_bytes(clip)).astype(np.float32) / 32768 for clip in chosen]
    pause = np.zeros(24000, np.float32)  # the demo's models know one sentence at a time: a window is to hold no more
    recording = np.concatenate([part for sentence in sentences for part in (sentence, pause)])
    assert len(recording) / 16000 > 5 * recognizer.window_s

    def hear(clips: list[Audio]) -> list[str]:
        planned = [PlannedClip(str(i), len(audio) / 16000, str(i), "memory", i) for i, audio in enumerate(clips)]
        decoded = Engine(recognizer, batch_size=8).decode([planned], lambda clip: clips[clip.row])
        return [row.text or "" for row in decoded.predictions]

    reference = " ".join(clip.text for clip in chosen)
    alone = count_words(reference, " ".join(hear(sentences)))
    whole = count_words(reference, hear([recording])[0])
    assert alone.rate is not None
    assert whole.rate is not None
    assert whole.rate < 0.15
    assert whole.rate <= alone.rate + 0.02
    assert whole.insertions <= alone.insertions + 1, "words doubled at the seams"
    assert whole.deletions <= alone.deletions + 1, "words lost at the seams"
