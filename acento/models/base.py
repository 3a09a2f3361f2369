"""The Recognizer: what every model family does, in three stages that can be overlapped and timed apart."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from acento.core.later import Growing
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Word
from acento.models.timing.viterbi import Alphabet, Scores
from acento.models.windows import Fit

Audio = npt.NDArray[np.float32]
"""Samples of one channel at 16 kHz, float32 in [-1, 1], shape ``(samples,)``."""

DeviceType = Literal["cpu", "cuda", "mps"]
Dtype = Literal["float32", "bfloat16", "float16", "int8"]
"""What is computed in; ``int8``: products of matrices in 8 bits, all else in float32."""


class AlignWith(BaseModel, frozen=True):
    """The CTC model that finds the times of words: where to load it from, and what it must then be."""

    id: str
    revision: str | None
    digest: str


class DecodeOptions(Growing, frozen=True):
    """What decides, beside the model and the audio, which text comes out; part of a job's identity."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"fit", "cut_s", "beam_size", "temperatures", "words", "prompt", "hotwords", "align", "likeliest"}
    )

    language: str | None = None
    """ISO 639-1 code that the model is told; None lets a multilingual model guess for each clip."""
    task: Literal["transcribe", "translate"] = "transcribe"
    device_type: DeviceType = "cpu"
    dtype: Dtype = "float32"
    threads: int = 1
    """CPU threads inside one worker; sums are split by thread, so the last digits depend on it."""
    fit: Fit | None = None
    """Encode each batch in a context of its own; None: the model's whole window."""
    cut_s: float | None = Field(None, gt=0)
    """Cut what is longer at silence into windows of at most so many seconds; None: of the model's own length."""
    beam_size: int = Field(1, ge=1)
    """Texts that are followed at a time; 1: the likeliest next token is always taken."""
    temperatures: tuple[float, ...] = ()
    """Tried one after the other where a text fails Whisper's own checks; empty: there is no second try."""
    likeliest: bool = False
    """Keep the likeliest try where a text fails at every temperature; else the last one, as OpenAI does."""
    words: bool = False
    """Find when each word was said, and how sure the model is of it and of the whole text."""
    prompt: str | None = None
    """What is held to have been said or written before each window, in a family that takes that."""
    hotwords: tuple[str, ...] = ()
    """Names and terms that are likely to be said, in a family that takes that."""
    align: AlignWith | None = None
    """A CTC model that finds the times of the words, whatever the model itself says of them; None: it alone does."""

    @property
    def greedy(self) -> bool:
        """Whether the likeliest next token is always taken, and the text kept whatever it is."""
        return self.beam_size == 1 and not self.temperatures

    @property
    def decoding_title(self) -> str | None:
        """What tables add to a model's name where it does not decode greedily in the precision of its device.

        >>> DecodeOptions(beam_size=5, temperatures=(0, 0.2, 1)).decoding_title, DecodeOptions().decoding_title
        ('5 beams, temperatures to 1', None)
        """
        parts = ["int8"] if self.dtype == "int8" else []
        parts += [] if self.beam_size == 1 else [f"{self.beam_size} beams"]
        parts += [f"temperatures to {self.temperatures[-1]:g}"] if self.temperatures else []
        return ", ".join(parts) or None

    @property
    def window_title(self) -> str | None:
        """What tables call the windows that clips are encoded in; None: the model's own.

        >>> DecodeOptions(fit=Fit(margin_s=2), cut_s=10).window_title, DecodeOptions().window_title
        ('clip + 2 s, cut at 10 s', None)
        """
        parts = ([] if self.fit is None else [self.fit.title]) + (
            [] if self.cut_s is None else [f"cut at {self.cut_s:g} s"]
        )
        return ", ".join(parts) or None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a model heard in one window of audio."""

    text: str
    ended: bool = True
    """False: it was cut off where the model may write no more."""
    words: tuple[Word, ...] = ()
    """Where that was asked for: its words, times in seconds from the window's start."""
    logprob: float | None = None
    """Where words were asked for: the mean log probability of a token; None: the model does not say."""
    no_speech: float | None = None
    """Where words were asked for: how likely it is that nobody speaks, by the model; None: it does not say."""
    language: str | None = None
    """ISO 639-1 code of the language that the model was told, or guessed; None: it knows but one, or does not say."""


class Recognizer(ABC):
    """A loaded model. ``prepare`` may run in another thread, ahead of ``infer``."""

    shareable: bool = False
    """Whether several threads may call the same stage at a time; where not, workers of one process take turns."""
    window_s: float | None
    """The longest audio in seconds that one call takes; None: any length."""
    fit: Fit | None = None
    """How short a window may be, in a family that would fill it with silence; None: what the family always does."""
    alphabet: Alphabet | None = None
    """How it writes, where it is a CTC model that can align a text that is known; None: it is of another kind."""

    @abstractmethod
    def prepare(self, windows: Sequence[Audio]) -> Any:
        """Turn audio windows, each at most ``window_s`` long, into the model's features."""

    def context(self, windows: Sequence[Audio]) -> int | None:
        """Return the samples of the context in which a batch is encoded; None: what the family always does.

        It is shorter than the whole window: where a clip leaves no room for that, it is None too.
        """
        if self.fit is None or self.window_s is None:
            return None
        context = self.fit.context(max(map(len, windows)), self.window_s)
        return context if context < int(self.window_s * SAMPLE_RATE) else None

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Any:  # noqa: ARG002
        """``prepare`` for a context of so many samples; None: what the family always does."""
        return self.prepare(windows)

    @abstractmethod
    def infer(self, features: Any) -> Any:
        """Turn features into tokens; returns when they are in host memory."""

    @abstractmethod
    def finish(self, tokens: Any) -> list[Transcript]:
        """Turn tokens into a transcript for each window, in the order given to ``prepare``."""

    @abstractmethod
    def warm_up(self, batch_size: int) -> None:
        """Run the model once on nothing of interest, so that what is measured later is the steady state."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""

    @abstractmethod
    def close(self) -> None:
        """Free the model's memory; the recognizer cannot be used afterwards."""

    def spoken_languages(self, features: Any) -> list[dict[str, float]] | None:  # noqa: ARG002
        """Return how likely each spoken language is, for each window, by ISO 639-1 code; None: the model cannot tell.

        The likelihoods of a window sum to 1 over the languages that the model knows.
        """
        return None

    def emissions(self, features: Any) -> list[Scores] | None:  # noqa: ARG002
        """Return the log probabilities of each token at each frame, for each window; None: it is no CTC model."""
        return None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Tell whether an error of ``infer`` says that the batch was too large for the device."""
        return isinstance(error, MemoryError)

    def release_memory(self) -> None:  # noqa: B027 - most frameworks cache nothing
        """Give back what the framework caches, after an error for lack of memory."""
