"""pyannote.audio's own pipelines (3.1, community-1), where that package is installed and the terms are accepted.

A pipeline wants the whole recording at once: 230 MB of memory for an hour.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from acento.core.errors import InputError, ModelError
from acento.core.hub import hub_error, hub_token
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Turn
from acento.diarization.diarizer import OnProgress, Speakers
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.checkpoint import ModelSpec


class PyannoteDiarizer:
    """A pipeline."""

    def __init__(self, pipeline: Any) -> None:
        """Take a loaded ``pyannote.audio.Pipeline``."""
        self._pipeline = pipeline

    def diarize(self, blocks: Iterable[Audio], speakers: Speakers, on_progress: OnProgress) -> list[Turn]:
        """Return the turns of a recording; see :class:`Diarizer`."""
        import torch

        speakers.check()
        audio = np.concatenate([*blocks, np.zeros(0, np.float32)])
        if not len(audio):
            return []
        on_progress(0.0)
        wanted = {"num_speakers": speakers.count, "min_speakers": speakers.least, "max_speakers": speakers.most}
        found = self._pipeline(
            {"waveform": torch.from_numpy(audio)[None], "sample_rate": SAMPLE_RATE},
            **{name: number for name, number in wanted.items() if number is not None},
        )
        annotation = getattr(found, "speaker_diarization", found)  # from 4.0 on there is more than that
        on_progress(len(audio) / SAMPLE_RATE)
        return sorted(
            Turn(round(float(segment.start), 3), round(float(segment.end), 3), str(speaker))
            for segment, _, speaker in annotation.itertracks(yield_label=True)
        )


def load(model: ModelSpec, options: DecodeOptions) -> PyannoteDiarizer:
    """Return a pipeline of the hub, or of a folder with its ``config.yaml``.

    Raises:
        InputError: pyannote.audio is not installed.
        ModelError: the pipeline cannot be had.
    """
    import torch

    try:
        from pyannote.audio import Pipeline
    except ModuleNotFoundError as error:
        raise InputError(
            f"{model.id} needs pyannote.audio, which is not installed: pip install pyannote.audio."
        ) from error
    known = inspect.signature(Pipeline.from_pretrained).parameters
    torch.set_num_threads(options.threads)
    told: dict[str, Any] = {"token" if "token" in known else "use_auth_token": hub_token()}
    name = model.id
    if model.revision and "revision" in known:
        told["revision"] = model.revision
    elif model.revision:  # before 4.0
        name = f"{model.id}@{model.revision}"
    gated = (
        f"Model {model.id}, or one that it is made of, is gated: accept the terms of each on the hub, then set "
        "HF_TOKEN to a token that may read them."
    )
    try:
        pipeline = Pipeline.from_pretrained(name, **told)
    except AttributeError as error:  # of None, which is what a gated model is loaded as
        raise ModelError(gated) from error
    except Exception as error:
        if model.revision is None:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ModelError(f"{model.id} holds no pipeline that pyannote.audio can load ({reason}).") from error
        raise hub_error(error, "model", model.id, model.revision, ModelError) from error
    if pipeline is None:
        raise ModelError(gated)
    return PyannoteDiarizer(pipeline.to(torch.device(options.device_type)))
