"""A model family: how it is told, what loads it, and what is particular to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acento.core import extras
from acento.core.errors import ModelError
from acento.core.plugins import load as load_plugin
from acento.models.base import DecodeOptions, DeviceType, Recognizer
from acento.models.parts import Part
from acento.models.trainable import Strategy

Loader = Callable[[Path, DecodeOptions], Recognizer]

WHISPER = "whisper"
"""The family that several engines run."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model: how it is told, what decodes it, and how many clips it takes at once."""

    name: str
    model_types: frozenset[str]
    """Values of ``model_type`` in ``config.json`` that name this family."""
    loader: str
    """``module:function`` that loads it; imported only when a model is loaded."""
    decoding_version: int
    """Raised by hand whenever the decoding code may give other texts; a golden test guards it."""
    batch_size: Mapping[DeviceType, int]
    """Clips in a batch where the user does not say."""
    config_keys: frozenset[str] = frozenset()
    """What tells the family where ``config.json`` has no ``model_type``: these keys are in it."""
    accepts: str | None = None
    """``module:function`` of a config: whether a model of a type that no family names is one of this family."""
    weights: tuple[str, ...] = ("model.safetensors", "model.safetensors.index.json")
    """Files one of which holds or lists the weights."""
    mending: str = "download it whole, or save it again with save_pretrained"
    """What to do where there are none."""
    trainer: str | None = None
    """``module:function`` that loads it so that it can learn; None: this family cannot be fine-tuned yet."""
    labeler: str | None = None
    """``module:function`` that loads what turns texts into labels, and no weights; where there is a trainer."""
    strategies: tuple[Strategy, ...] = ("encoder", "full", "decoder", "lora", "last-n")
    """What a recipe may let learn; the first is the default."""
    spectrogram: bool = True
    """Whether it learns from a log-mel spectrogram of 10 ms frames, on which masks and warps work."""
    learning_rate: float | None = None
    """The highest rate of fine-tuning where the user does not say; None: by width, as Whisper's."""
    archive: str | None = None
    """Suffix of the one file that such a model is, such as ``.nemo``; None: it is a folder with a ``config.json``."""
    parts: tuple[Part, ...] = ()
    """What a checkpoint needs beside weights and config; empty: it is whole in itself."""
    languages: str | None = None
    """``module:function`` of a folder: the codes of the languages that the model can be told; None: it takes any."""
    language_name: str | None = None
    """``module:function`` of a folder and a language: the name by which the model knows it, where it has its own."""
    derives_config: str | None = None
    """``module:function`` of a folder: whether what no file says is derived, which is then part of the identity."""
    inspect: str | None = None
    """``module:function`` of an archive: raises where it is damaged or would run code."""
    file_readers: Mapping[str, str] = field(default_factory=dict)
    """``module:function`` by the suffix of a single file that is made into a checkpoint of this family."""
    converter: str | None = None
    """``module:function`` that writes a checkpoint in another format."""
    extra: extras.Extra | None = None
    """The extra that must be installed beside Acento itself."""

    def missing(self) -> str | None:
        """Say what is not installed and how to install it; None: nothing is missing."""
        return None if self.extra is None else extras.missing(self.extra, f"The family {self.name!r}")

    def load(self, folder: Path, options: DecodeOptions) -> Recognizer:
        """Load the checkpoint in a folder onto the device that the options name.

        Raises:
            ModelError: the checkpoint is not whole, or cannot do what the options ask.
        """
        self.require()
        load: Loader = load_plugin(self.loader)
        return load(folder, options)

    def require(self) -> None:
        """See that what the family needs is installed.

        Raises:
            ModelError: it is not.
        """
        if (sentence := self.missing()) is not None:
            raise ModelError(sentence)
