"""The audio of a report's clips, small enough to lie inside the page: MP3, which every browser plays."""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import soundfile

from acento.core.errors import AcentoError
from acento.core.store import Store
from acento.data.dataset import load_card, read_audio

CLIPS = 20
"""Clips of a page that have a player, by default."""
BYTES = 3_000_000
"""All MP3 of a page together (a third more in base64): 20 clips of 40 s."""
SECONDS = 60.0
"""A longer clip ends here."""
_SMALL = 0.9
"""How hard MP3 compresses, from 0 to 1: about 3 kB a second of speech."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip's audio, or why there is none."""

    mp3: str | None
    """In base64."""
    note: str | None
    """Why there is no audio, or that it is cut."""


def sounds(store: Store, dataset: str, fingerprint: str, ids: Sequence[str], budget: int = BYTES) -> dict[str, Sound]:
    """Return the audio of clips of a staged data set (``NAME@VERSION``), in the order given, while it fits the budget.

    A data set that is not in the store, or has another fingerprint (texts from files may be of a data set of the same
    name), or a clip that it lacks, is said and raises nothing.
    """
    if not ids:
        return {}
    try:
        card = load_card(store, dataset)
        if card.fingerprint != fingerprint:
            other = f"No audio. Data set {dataset} in the store is not what was scored: it has another fingerprint."
            return {uid: Sound(None, other) for uid in ids}
        flacs = read_audio(store, card, ids)
    except AcentoError as error:
        return {uid: Sound(None, f"No audio. {error}") for uid in ids}
    found, used = dict[str, Sound](), 0
    for uid in ids:
        if uid not in flacs:
            found[uid] = Sound(None, f"Data set {dataset} has no audio of this clip.")
            continue
        try:
            mp3, cut = _mp3(flacs[uid])
        except soundfile.LibsndfileError as error:
            found[uid] = Sound(None, f"The audio of this clip cannot be read ({error.error_string.rstrip('.')}).")
            continue
        if used + len(mp3) > budget:
            found[uid] = Sound(None, "No audio: the page holds as much sound as it may.")
            continue
        used += len(mp3)
        found[uid] = Sound(b64encode(mp3).decode(), f"The player has the first {SECONDS:.0f} s." if cut else None)
    return found


def _mp3(flac: bytes) -> tuple[bytes, bool]:
    """Return a recording as MP3, and whether it was cut."""
    with soundfile.SoundFile(io.BytesIO(flac)) as recording:
        rate, frames = recording.samplerate, int(SECONDS * recording.samplerate)
        cut = recording.frames > frames
        samples = recording.read(frames, dtype="float32")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=_SMALL)
    return file.getvalue(), cut
