"""NeMo's Sortformer, which tells at most four speakers apart without clustering; needs the extra ``nemo``.

The streaming models keep a cache of speakers and take recordings of any length; the first one, made for 90 s, does not.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import soundfile

from acento.core.errors import InputError, ModelError
from acento.core.extras import require
from acento.core.hub import hub_error
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.diarizer import OnProgress, Speakers
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec

_MOST = 4


class SortformerDiarizer:
    """A Sortformer."""

    def __init__(self, model: Any) -> None:
        """Take a loaded ``SortformerEncLabelModel``."""
        self._model = model

    def diarize(self, blocks: Iterable[Audio], speakers: Speakers, on_progress: OnProgress) -> list[Turn]:
        """Return the turns of a recording; see :class:`Diarizer`.

        Raises:
            InputError: the number of speakers is given, which a Sortformer cannot be told.
        """
        if speakers != Speakers() and (speakers.count or speakers.least or speakers.most != _MOST):
            raise InputError(
                f"A Sortformer finds the number of speakers by itself, at most {_MOST}: leave out --speakers, "
                "--min-speakers and --max-speakers, or choose another diarizer."
            )
        with tempfile.TemporaryDirectory(prefix="acento-") as folder:
            path = Path(folder) / "audio.wav"
            samples = 0
            with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype="PCM_16") as file:
                for block in blocks:
                    file.write(block)
                    samples += len(block)
            if not samples:
                return []
            on_progress(0.0)
            (found,) = self._model.diarize(audio=[str(path)], batch_size=1, verbose=False)
        on_progress(samples / SAMPLE_RATE)
        return sorted(_turn(str(line)) for line in found)


def _turn(line: str) -> Turn:
    """Read a turn as NeMo writes it.

    >>> _turn("0.480 2.160 speaker_1")
    Turn(start=0.48, end=2.16, speaker='SPEAKER_01')
    """
    start, end, speaker = line.replace(",", " ").split()
    return Turn(float(start), float(end), f"SPEAKER_{int(speaker.rpartition('_')[2]):02}")


def load(model: ModelSpec, options: DecodeOptions) -> SortformerDiarizer:
    """Return a Sortformer of the hub or of a ``.nemo`` file.

    Raises:
        InputError: NeMo is not installed.
        ModelError: the model cannot be had.
    """
    require("nemo", model.id)
    import torch
    from nemo.collections.asr.models import SortformerEncLabelModel

    torch.set_num_threads(options.threads)
    device = torch.device(options.device_type)
    try:
        if model.revision is None:
            loaded = SortformerEncLabelModel.restore_from(str(Path(model.id).expanduser()), map_location=device)
        else:
            loaded = SortformerEncLabelModel.from_pretrained(model.id, map_location=device)
    except Exception as error:
        if model.revision is None:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ModelError(f"{model.id} holds no Sortformer that NeMo can load ({reason}).") from error
        raise hub_error(error, "model", model.id, model.revision, ModelError) from error
    return SortformerDiarizer(loaded.eval())
