"""How whisper.cpp is told to decode as Acento does: without timestamps, and in a window that the model was taught."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from acento.data.utterance import SAMPLE_RATE
from acento.models.windows import Fit

FACTS: Final = "whisper-cpp.json"
"""What the model's file has no place for: how weights are held, their source, and the windows that were taught."""
CLIPS_S: Final = (4, 8, 15)
"""Lengths of clips that a person is told the flag for."""
_POSITIONS: Final = 50
"""Of the encoder, a second."""
_PADDED: Final = 256
"""whisper.cpp keeps what its decoder looks at in blocks of so many positions. With flash attention, its default, what a
block has beyond the context is looked at too: keys that are zero, or an earlier clip's."""
_WINDOW_S: Final = 30.0


def audio_context(fit: Fit, clip_s: float) -> int:
    """Return the value of whisper.cpp's ``-ac`` for clips up to so many seconds, in positions of 20 ms.

    It is a whole number of whisper.cpp's blocks, so that nothing but the clip is heard.

    >>> audio_context(Fit(margin_s=1), 4), audio_context(Fit(margin_s=1), 8), audio_context(Fit(margin_s=1), 30)
    (256, 512, 1500)
    """
    positions = round(fit.context(round(clip_s * SAMPLE_RATE), _WINDOW_S) / SAMPLE_RATE * _POSITIONS)
    return min(-(-positions // _PADDED) * _PADDED, round(_WINDOW_S * _POSITIONS))


def flags(fit: Fit | None) -> Mapping[str, Any]:
    """Return what is written beside a file, which has no place for it: the window, and ``-ac`` by seconds of clip."""
    if fit is None:
        return {"window": None, "audio_ctx": None}
    return {"window": fit.model_dump(), "audio_ctx": {str(clip): audio_context(fit, clip) for clip in CLIPS_S}}


def forget_windows(folder: Path) -> None:
    """Say beside a file that it is for full windows, if anything is said there."""
    path = folder / FACTS
    if path.is_file():
        facts = json.loads(path.read_text(encoding="utf-8")) | flags(None)
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def windows_sentence(fit: Fit | None) -> str:
    """Say how to run a model with whisper.cpp.

    >>> windows_sentence(Fit(margin_s=1))[:95]
    'Run whisper.cpp with -nt, and with -ac 256 for clips up to 4 s, 512 up to 8 s, 1024 up to 15 s:'
    """
    if fit is None:
        return "Run whisper.cpp with -nt and without -ac: the model was not taught shorter windows than 30 s."
    first, *more = CLIPS_S
    values = [f"-ac {audio_context(fit, first)} for clips up to {first} s"]
    values += [f"{audio_context(fit, clip)} up to {clip} s" for clip in more]
    return (
        f"Run whisper.cpp with -nt, and with {', '.join(values)}: the model was taught windows of {fit.title}, at "
        f"least {fit.shortest_s:g} s; for a recording longer than that leave -ac out, as whisper.cpp goes on by 30 s."
    )
