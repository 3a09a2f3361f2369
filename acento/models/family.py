"""The model families Acento knows, told apart by what a checkpoint's own config says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acento.core.errors import ModelError
from acento.core.settings import settings
from acento.models.base import DecodeOptions, DeviceType, Recognizer

if TYPE_CHECKING:
    from acento.training.base import Labeler, Trainable
    from acento.training.recipe import Recipe, Strategy

Loader = Callable[[Path, DecodeOptions], Recognizer]
Trainer = Callable[[Path, str | None, "Recipe", DeviceType], "Trainable"]
LabelerLoader = Callable[[Path, str | None], "Labeler"]


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
    weights: tuple[str, ...] = ("model.safetensors", "model.safetensors.index.json")
    """Files one of which holds or lists the weights."""
    mending: str = "download it whole, or save it again with save_pretrained"
    """What to do where there are none."""
    trainer: str | None = None
    """``module:function`` that loads it so that it can learn; None: this family cannot be fine-tuned yet."""
    labeler: str | None = None
    """``module:function`` that loads what turns texts into labels, and no weights; where there is a trainer."""
    strategies: "tuple[Strategy, ...]" = ("encoder", "full", "decoder", "lora", "last-n")
    """What a recipe may let learn; the first is the default."""
    spectrogram: bool = True
    """Whether it learns from a log-mel spectrogram of 10 ms frames, on which masks and warps work."""
    learning_rate: float | None = None
    """The highest rate of fine-tuning where the user does not say; None: by width, as Whisper's."""
    archive: str | None = None
    """Suffix of the one file that such a model is, such as ``.nemo``; None: it is a folder with a ``config.json``."""
    package: tuple[str, str] | None = None
    """What must be installed beside Acento itself: the distribution, and the extra that brings it."""

    def missing(self) -> str | None:
        """Say what is not installed and how to install it; None: nothing is missing."""
        if self.package is None:
            return None
        distribution, extra = self.package
        try:
            version(distribution)
        except PackageNotFoundError:
            return (
                f"Models of the family {self.name!r} need {distribution}, which is not installed: "
                f"pip install 'acento[{extra}]'."
            )
        return None

    def load(self, folder: Path, options: DecodeOptions) -> Recognizer:
        """Load the checkpoint in a folder onto the device that the options name.

        Raises:
            ModelError: the checkpoint is not whole, or cannot do what the options ask.
        """
        self._require()
        load: Loader = _imported(self.loader)
        return load(folder, options)

    def load_trainable(
        self, folder: Path, language: str | None, recipe: "Recipe", device_type: DeviceType
    ) -> "Trainable":
        """Load the checkpoint in a folder so that it learns as the recipe says.

        Raises:
            ModelError: the family cannot be fine-tuned, or the checkpoint cannot do what the recipe asks.
        """
        load: Trainer = _imported(self._tunable(self.trainer))
        return load(folder, language, recipe, device_type)

    def load_labeler(self, folder: Path, language: str | None) -> "Labeler":
        """Load what turns texts into the labels of the checkpoint in a folder.

        Raises:
            ModelError: the family cannot be fine-tuned, or the model does not know the language.
        """
        load: LabelerLoader = _imported(self._tunable(self.labeler))
        return load(folder, language)

    def _tunable(self, target: str | None) -> str:
        """Return what was named to import, if anything was."""
        if target is None:
            names = ", ".join(family.name for family in FAMILIES.values() if family.trainer) or "none"
            raise ModelError(f"Models of the family {self.name!r} cannot be fine-tuned yet; these can: {names}.")
        self._require()
        return target

    def _require(self) -> None:
        if (sentence := self.missing()) is not None:
            raise ModelError(sentence)


_OWN_CODE = "ctc-own-code"
WHISPER = "whisper"
"""The family that several engines run."""


def _imported(target: str) -> Any:
    """Return the function that ``module:function`` names."""
    module, _, function = target.partition(":")
    return getattr(import_module(module), function)


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name=WHISPER,
            model_types=frozenset({"whisper"}),
            loader="acento.families.whisper.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 16, "mps": 8},
            trainer="acento.families.whisper.training:load",
            labeler="acento.families.whisper.labels:load",
        ),
        Family(
            name=_OWN_CODE,
            model_types=frozenset(),
            loader="acento.families.ctc.remote_code:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 8, "mps": 8},
            spectrogram=False,
        ),
        Family(
            name="moonshine",
            model_types=frozenset({"moonshine"}),
            loader="acento.families.moonshine.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            trainer="acento.families.moonshine.training:load",
            labeler="acento.families.moonshine.labels:load",
            spectrogram=False,
        ),
        Family(
            name="moonshine-streaming",
            model_types=frozenset({"moonshine_streaming"}),
            loader="acento.families.moonshine.recognizer:load_streaming",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            spectrogram=False,
        ),
        Family(
            name="ctc",
            model_types=frozenset(
                {
                    "wav2vec2",
                    "hubert",
                    "wavlm",
                    "wav2vec2-conformer",
                    "unispeech",
                    "unispeech-sat",
                    "sew",
                    "sew-d",
                    "data2vec-audio",
                }
            ),
            loader="acento.families.ctc.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            trainer="acento.families.ctc.training:load",
            labeler="acento.families.ctc.labels:load",
            spectrogram=False,
            learning_rate=5e-5,
        ),
        Family(
            name="w2v-bert",
            model_types=frozenset({"wav2vec2-bert"}),
            loader="acento.families.ctc.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            trainer="acento.families.ctc.training:load",
            labeler="acento.families.ctc.labels:load",
            spectrogram=False,  # its frames are pairs of mel frames, 20 ms long
            learning_rate=5e-5,
        ),
        Family(
            name="parakeet-ctc",
            model_types=frozenset({"parakeet_ctc"}),
            loader="acento.families.parakeet.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            trainer="acento.families.ctc.training:load",
            labeler="acento.families.ctc.labels:load",
            learning_rate=5e-5,
        ),
        Family(
            name="parakeet-transducer",
            model_types=frozenset({"parakeet_rnnt", "parakeet_tdt"}),
            loader="acento.families.parakeet.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
        ),
        Family(
            name="canary",
            model_types=frozenset({"canary"}),
            loader="acento.families.canary.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 4, "cuda": 32, "mps": 4},
        ),
        Family(
            name="voxtral",
            model_types=frozenset({"voxtral"}),
            loader="acento.families.voxtral.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 2, "cuda": 16, "mps": 2},
            trainer="acento.families.voxtral.training:load",
            labeler="acento.families.voxtral.labels:load",
            strategies=("lora", "encoder"),
            learning_rate=1e-5,  # adapters take ten times that
        ),
        Family(
            name="nemo",
            model_types=frozenset(),
            loader="acento.families.nemo.recognizer:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 32, "mps": 8},
            archive=".nemo",
            weights=(),
            trainer="acento.families.nemo.training:load",
            labeler="acento.families.nemo.labels:load",
            strategies=("encoder", "full", "decoder", "last-n"),
            learning_rate=1e-4,
            package=("nemo_toolkit", "nemo"),
        ),
        Family(
            name="whisper-ctranslate2",
            model_types=frozenset(),
            loader="acento.families.whisper.ctranslate2:load",
            decoding_version=1,
            batch_size={"cpu": 8, "cuda": 16, "mps": 8},
            config_keys=frozenset({"suppress_ids", "suppress_ids_begin"}),
            weights=("model.bin",),
            mending="convert it again",
        ),
    )
}


def family_of(config: Mapping[str, Any], name: str) -> Family:
    """Return the family that a ``config.json`` says the model belongs to; ``name`` is for the error only.

    Raises:
        ModelError: no known family has that type.
    """
    model_type = config.get("model_type")
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
        if model_type is None and family.config_keys and family.config_keys <= config.keys():
            return family
    known = ", ".join(sorted(kind for family in FAMILIES.values() for kind in family.model_types))
    if "auto_map" in config:
        return _of_own_code(config, name, known)
    raise ModelError(
        f"Model {name} says it is of type {model_type!r}, which Acento does not know yet; it knows {known}. "
        f"If it is one of a known family all the same, say which after a colon ({name}:whisper)."
    )


def _of_own_code(config: Mapping[str, Any], name: str, known: str) -> Family:
    """Return the family of a model that brings code, if it may be run.

    Raises:
        ModelError: the model is not trusted by name, or is no CTC model.
    """
    title = f"Model {name} (type {config.get('model_type')!r})"
    if "AutoModelForCTC" not in config["auto_map"]:
        raise ModelError(
            f"{title} brings code of its own (auto_map in its config.json) for something else than CTC, which Acento "
            f"cannot run; it knows {known}."
        )
    if name not in settings().code_trusted:
        raise ModelError(
            f"{title} needs code of its own that comes with it (auto_map in its config.json), and running that is to "
            f"trust whoever wrote it; if you do: ACENTO_TRUST_CODE={name}"
        )
    return FAMILIES[_OWN_CODE]
