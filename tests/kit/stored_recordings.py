"""Recordings put into a store as importing does, without decoding or looking for speech."""

import numpy as np
import soundfile

from acento.core.fingerprint import sha256
from acento.core.store import Store
from acento.data.recordings.recording import AUDIO, FRAME, SPEECH, Recording, load_recording


def put_recording(store: Store, samples: np.ndarray, speech: np.ndarray | None = None) -> Recording:
    """Store int16 samples at 16 kHz, shape (samples,) or (samples, channels); without ``speech`` all is speech."""
    samples = samples.reshape(len(samples), -1)
    frames, channels = -(-len(samples) // FRAME), samples.shape[1]
    speech = np.full((frames, channels), 255) if speech is None else speech.reshape(frames, channels)
    digest = sha256(samples.tobytes())
    key = f"recordings/{sha256(samples.tobytes() + speech.tobytes() + bytes([channels]))}"
    with store.publish(key) as draft:
        soundfile.write(draft.folder / AUDIO, samples, 16_000, format="FLAC", subtype="PCM_16")
        np.save(draft.folder / SPEECH, speech.astype(np.uint8))
        draft.info |= {"duration_s": len(samples) / 16_000, "channels": channels, "sha256": digest}
    return load_recording(store, key)
