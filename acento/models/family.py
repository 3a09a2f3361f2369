"""A model family: how it is told, what loads it, and what is particular to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acento.core import extras
from acento.core.errors import ModelError
from acento.core.plugins import load as load_plugin
from acento.models.base import DecodeOptions, DeviceType, Recognizer
from acento.models.trainable import Strategy

Loader = Callable[[Path, DecodeOptions], Recognizer]

WHISPER = "whisper"
"""The family that several engines run."""


@dataclass(frozen=True, slots=True)
class ModelPart:
    """A part of a model that is kept in files of its own."""

    title: str
    """What sentences call it."""
    files: tuple[tuple[str, ...], ...]
    """Sets of files; one set is enough."""
    learned: bool = False
    """Whether it was made for this model's weights, so that another model's, even its base's, need not fit."""

    def is_in(self, folder: Path) -> bool:
        """Tell whether a folder has the part."""
        return any(all((folder / name).is_file() for name in files) for files in self.files)

    @property
    def names(self) -> str:
        """The files as a sentence names them."""
        return ", or ".join(" and ".join(files) for files in self.files)


ONE_FILE = ModelPart("tokenizer", (("tokenizer.json",),))
WORDS = ModelPart("tokenizer", (("tokenizer.json",), ("vocab.json", "merges.txt")))
LETTERS = ModelPart("tokenizer", (("vocab.json",), ("tokenizer.json",)), learned=True)
FEATURES = ModelPart("feature extractor", (("preprocessor_config.json",), ("processor_config.json",)))

BESIDE_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "normalizer.json")
"""Small files that a tokenizer may have beside those that make it one."""


def missing_parts(parts: Sequence[ModelPart], folder: Path) -> list[ModelPart]:
    """Return the parts that a folder does not have."""
    return [part for part in parts if not part.is_in(folder)]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model: how it is told, what decodes it, and how many clips it takes at once."""

    name: str
    model_types: frozenset[str]
    """Values of ``model_type`` in ``config.json`` that name this family."""
    loader: str
    """``module:function`` that loads it; imported only when a model is loaded."""
    decoding_version: int = 1
    """Raised by hand whenever the decoding code may give other texts; a golden test guards it."""
    batch_size: Mapping[DeviceType, int] = field(default_factory=lambda: {"cpu": 8, "cuda": 32, "mps": 8})
    """Clips in a batch where the user does not say."""
    config_keys: frozenset[str] = frozenset()
    """What tells the family where ``config.json`` has no ``model_type``: these keys are in it."""
    accepts: str | None = None
    """``module:function`` of a config: whether a model of a type that no family names is one of this family."""
    weights: tuple[str, ...] = ("model.safetensors", "model.safetensors.index.json")
    """Files one of which holds or lists the weights."""
    repair: str = "download it whole, or save it again with save_pretrained"
    """What to do where there are none."""
    trainer: str | None = None
    """``module:class`` of its ``Trainable``, made of what the loader returns; None: it cannot be fine-tuned yet."""
    labeler: str | None = None
    """``module:function`` of a folder and a language that loads its ``Labeler``, and no weights; with the trainer."""
    strategies: tuple[Strategy, ...] = ("encoder", "full", "decoder", "lora", "last-n")
    """What a recipe may let learn; the first is the default."""
    spectrogram: bool = True
    """Whether it learns from a log-mel spectrogram of 10 ms frames, on which masks and warps work."""
    learning_rate: float | None = None
    """The highest rate of fine-tuning where the user does not say; None: by width, as Whisper's."""
    archive: str | None = None
    """Suffix of the one file that such a model is, such as ``.nemo``; None: it is a folder with a ``config.json``."""
    window: str | None = None
    """``module:function`` of a folder: the seconds of the window that every clip is filled up to with silence, where
    shorter ones can be encoded too; None: clips are encoded as long as they are, or only so."""
    parts: tuple[ModelPart, ...] = ()
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
    rereader: str | None = None
    """``module:function`` that reads what the converter wrote for engines that are not Acento's."""
    extra: extras.Extra | None = None
    """The extra that must be installed beside Acento itself."""

    searches: bool = False
    """Whether it knows beam search and second tries at higher temperatures."""
    beams: int = 1
    """The texts that it follows at a time in recordings, where nobody says how many."""
    prompts: bool = False
    """Whether it takes a prompt and hotwords."""
    aligns: bool = False
    """Whether it has CTC models, which align a text that is known with audio."""
    int8: frozenset[DeviceType] = frozenset()
    """The devices on which its weights are rounded to 8 bits where that is asked for."""

    def missing(self) -> str | None:
        """Say what is not installed and how to install it; None: nothing is missing."""
        return None if self.extra is None else extras.missing(self.extra, f"The family {self.name!r}")

    def load(self, folder: Path, options: DecodeOptions) -> Recognizer:
        """Load the checkpoint in a folder onto the device of the options; raise ModelError if it is not whole."""
        self.require()
        self.check(options)
        load: Loader = load_plugin(self.loader)
        return load(folder, options)

    def check(self, options: DecodeOptions) -> None:
        """Raise ModelError if the family does not decode so."""
        if not options.greedy and not self.searches:
            raise ModelError(
                "Only a Whisper searches by beams and tries again at higher temperatures, and this model is of the "
                f"family {self.name!r}: leave out the beam size and the temperatures."
            )
        if (options.prompt or options.hotwords) and not self.prompts:
            raise ModelError(
                f"Only a Whisper takes a prompt and hotwords, and this model is of the family {self.name!r}: leave "
                "them out."
            )
        if options.dtype == "int8" and options.device_type not in self.int8:
            where = f" on {options.device_type}" if self.int8 else ""
            raise ModelError(
                f"The family {self.name!r} does not compute in int8{where}, as Whisper does on the CPU: choose "
                "float32, bfloat16 or float16."
            )

    def require(self) -> None:
        """Raise ModelError if what the family needs is not installed."""
        if (sentence := self.missing()) is not None:
            raise ModelError(sentence)
