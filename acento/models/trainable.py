"""What the training loop asks of a model family: labels, features, a loss that adds, and a folder to save into."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel

from acento.data.utterance import SAMPLE_RATE
from acento.models.base import Audio, Recognizer
from acento.models.windows import Fit

if TYPE_CHECKING:  # torch is imported by families only, when a model is loaded
    import torch

Strategy = Literal["encoder", "full", "decoder", "lora", "last-n"]
"""What of a model learns."""


class Needs(BaseModel, frozen=True, extra="forbid"):
    """What prepared data depends on beside the clips: all that the model decides."""

    family: str
    labels: str
    """Digest of what label ids depend on: the tokenizer's files and the language."""
    window_s: float | None
    """Seconds that the model hears at once; None: any length."""
    max_labels: int
    """The most label ids that one clip may have."""
    frames_per_s: float | None = None
    """Frames of a second of audio where each writes one label at most, and none between two that are the same (CTC);
    None: the model writes as many labels as it will."""
    sample_rate: int = SAMPLE_RATE
    """Hz; staged clips have 16,000, and nothing else can be asked for yet."""
    language: str | None = None
    """The language of clips that name none, by which the script of their text is judged; None: it is not judged."""


@dataclass(frozen=True, slots=True)
class Labeler:
    """Turns texts into what a model learns to write. Needs no weights, so that data is prepared without a GPU."""

    needs: Needs
    """What prepared data depends on."""
    labels: Callable[[str], list[int]]
    """Returns the token ids that the model is to write after its start token, the end token last.

    Raises DataError where the text has letters that the model cannot write.
    """


@dataclass(frozen=True, slots=True)
class States:
    """What an encoder-decoder holds of some clips: its last hidden states."""

    encoded: "list[torch.Tensor]"
    """Of the encoder, shape ``(frames of the clip, width)`` each: padding is left out."""
    decoded: "list[torch.Tensor]"
    """Of the decoder where it writes each label, shape ``(labels of the clip, width)`` each."""

    def detached(self) -> Self:
        """Return the same states, through which no gradient goes."""
        return type(self)([one.detach() for one in self.encoded], [one.detach() for one in self.decoded])


class Trainable(ABC):
    """One loaded model of one family, its weights in float32, that can learn."""

    fills_window: bool = False
    """Whether every clip is padded to the whole window, so that batches of similar lengths would spare nothing, and
    would only show the same clips side by side in every epoch."""
    spectrogram: bool = True
    """Whether features are a log-mel spectrogram of 10 ms frames; else only the audio itself can be augmented."""
    has_frozen_prefix: bool
    """Whether the model begins with frozen layers, whose output for a clip never changes, unless its context does."""
    fits: bool = False
    """Whether clips are heard in the context of their step, and their features are as long as they are: where the
    recipe says so, in families that pad. Then it is a :class:`FittingTrainable`."""
    teaches: Fit | None = None
    """What windows the model is taught, which it decodes in and the saved one says of itself; None: its own only."""
    was_taught: Fit | None = None
    """What windows the base model was taught, likewise."""

    def __init__(self, recognizer: Any, needs: Needs, folder: Path) -> None:
        """Take a recognizer, whose weights will learn in place, and the checkpoint that it was loaded from.

        A family's own takes the recipe behind them, and freezes what that says.
        """
        self._recognizer, self._folder = recognizer, folder
        self.model: Any = recognizer.model
        """The torch module. What learns has ``requires_grad``; everything else stays bit-equal."""
        self.window_s: float | None = needs.window_s
        """The longest audio in seconds that it takes; None: any length."""
        self.max_labels = needs.max_labels
        """The most label ids that it takes."""

    @property
    def device(self) -> "torch.device":
        """The device that the model is on."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @abstractmethod
    def features(self, windows: Sequence[Audio]) -> "list[torch.Tensor]":
        """Return host features of each clip, float32; may run in any thread.

        Of shape ``(bins, frames)`` at 10 ms a frame where ``spectrogram`` says so, which masks and warps are made for;
        else of any shape, such as ``(samples,)``. A clip's features depend on no other clip.
        """

    def in_context(self, features: "Sequence[torch.Tensor]", context: int | None) -> "list[torch.Tensor]":  # noqa: ARG002
        """Return features padded with silence to a context of so many samples; None: to the model's window."""
        return list(features)

    @abstractmethod
    def frozen_prefix(self, features: "Sequence[torch.Tensor]") -> "list[torch.Tensor]":
        """Return the output of the frozen prefix for each clip: on the model's device, without gradient.

        Its dropout is off, so it depends on the clip alone and may be kept. Only where ``has_frozen_prefix``.
        """

    def loss(
        self,
        inputs: "Sequence[torch.Tensor]",
        labels: Sequence[Sequence[int]],
        smoothing: float,
        *,
        past_prefix: bool = False,
    ) -> "tuple[torch.Tensor, int]":
        """Return the SUM of the losses of all label tokens, and how many there are.

        A sum, because a step's gradient is that of the sum over all its forward passes divided by all their tokens.

        Args:
            inputs: each clip's features, or with ``past_prefix`` the output of ``frozen_prefix``; padding them to one
                length changes no loss.
            labels: ids for each clip, of different lengths; padding is never learned.
            smoothing: share of the target spread over all tokens (Szegedy et al. 2016).
            past_prefix: whether ``inputs`` have passed the frozen prefix.
        """
        if self.has_frozen_prefix and not past_prefix:
            inputs, past_prefix = self.frozen_prefix(inputs), True
        return self._loss(inputs, labels, smoothing, past_prefix=past_prefix), sum(map(len, labels))

    @abstractmethod
    def _loss(
        self, inputs: "Sequence[torch.Tensor]", labels: Sequence[Sequence[int]], smoothing: float, *, past_prefix: bool
    ) -> "torch.Tensor":
        """Return the sum of the losses; where there is a frozen prefix, it has been passed."""

    def recognizer(self, *, as_base: bool = False) -> Recognizer:
        """Return a recognizer around the very same weights; the caller sets evaluation mode.

        It decodes in the windows that the model is taught, or with ``as_base`` in those that the base was: in windows
        that a model was never shown it says little of itself.
        """
        recognizer: Recognizer = self._recognizer
        recognizer.fit = self.was_taught if as_base else self.teaches
        return recognizer

    @abstractmethod
    def train(self) -> None:
        """Set training mode: dropout on, but in the frozen prefix."""

    def eval(self) -> None:
        """Set evaluation mode."""
        self.model.eval()

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the checkpoint as its family's files are: adapters merged, language and task set.

        Weights are in the precision that the base keeps its own in.

        Raises:
            OSError: the folder cannot be written.
        """

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Tell whether an error says that the batch was too large for the device."""
        return bool(self._recognizer.is_out_of_memory(error))

    def release_memory(self) -> None:
        """Give back what the framework caches, after an error for lack of memory."""
        self._recognizer.release_memory()

    def learned(self) -> "dict[str, torch.nn.Parameter]":
        """Return the parameters that learn, by name, in a fixed order."""
        parameters: Any = self.model.named_parameters()
        return {name: parameter for name, parameter in parameters if parameter.requires_grad}


class FittingTrainable(Trainable):
    """One of a family that pads, which can hear clips in the context of their step.

    What it holds of a clip in one context is compared with what it holds in another.
    """

    @abstractmethod
    def states(
        self,
        inputs: "Sequence[torch.Tensor]",
        labels: Sequence[Sequence[int]],
        samples: Sequence[int],
        *,
        past_prefix: bool = False,
    ) -> States:
        """Return the last hidden states of encoder and decoder for clips and their labels.

        Args:
            inputs: as :meth:`loss` takes them.
            labels: likewise.
            samples: of each clip: encoder frames beyond them are left out.
            past_prefix: whether ``inputs`` have passed the frozen prefix.
        """

    @abstractmethod
    def logits(self, states: States) -> "torch.Tensor":
        """Return the logits of every label, shape ``(labels of all clips, vocabulary)``, from states."""

    @abstractmethod
    def states_loss(self, states: States, labels: Sequence[Sequence[int]], smoothing: float) -> "torch.Tensor":
        """Return the SUM of the losses of all label tokens, as :meth:`loss` does, from states."""


def fitting(trainable: Trainable) -> FittingTrainable:
    """Return a trainable as one that can hear clips in other contexts; recipes that need it are refused for others."""
    assert isinstance(trainable, FittingTrainable), f"{type(trainable).__name__} hears clips in one context only"
    return trainable
