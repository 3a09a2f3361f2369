"""The recipe: everything that decides how a model learns, with defaults by how much data there is.

Where a default comes from stands beside it. A recipe is stored with the model that it made.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from acento.core.errors import InputError
from acento.core.later import Growing
from acento.core.text import NORMALIZERS, normalizer
from acento.models.base import DeviceType
from acento.models.trainable import Strategy
from acento.training.augment.options import Augmentation

SMALL: Final = 1000
"""From this many clips on, the recipe is the one for 1k-10k clips."""
_LORA_FACTOR: Final = 10.0
"""Adapters take rates about ten times those of full tuning (Schulman et al. 2025, "LoRA Without Regret")."""
_PRE_TRAINED: Final = {384: 1.5e-3, 512: 1e-3, 768: 5e-4, 1024: 2.5e-4, 1280: 1.75e-4}
"""Whisper's own peak rates by width (Radford et al. 2022, appendix F)."""
_FINE: Final = 40.0
"""OpenAI's advice to the Hugging Face fine-tuning event of 2022: a fortieth of the rate of pre-training."""


class Recipe(Growing, frozen=True, extra="forbid"):
    """How a model learns. ``steps`` are optimizer steps, each of ``batch_size * accumulate`` clips."""

    later: ClassVar[frozenset[str]] = frozenset({"window", "margins", "keep_full", "keep_weight", "objective"})

    strategy: Strategy = "encoder"
    """What learns. An accent changes how words sound and not which there are, so the decoder may rest; it is what
    forgets first; 166 clips took whisper-small from 19.1 to 8.4 dev WER so."""
    last_n: int = Field(2, ge=1)
    """With ``last-n``: the last layers of encoder and of decoder that learn."""
    lora_rank: int = Field(16, ge=1)
    lora_alpha: float = Field(32, gt=0)
    """Twice the rank, as in most of PEFT's examples."""
    lora_dropout: float = Field(0.05, ge=0, lt=1)
    lora_sites: tuple[str, ...] = ("q_proj", "v_proj")
    """Names of the linear layers that get an adapter: the pair that Hu et al. 2021, table 5 found best for its size."""

    learning_rate: float = Field(1e-5, gt=0)
    """The highest rate; where it is not given, :func:`recipe_for` takes it from the model's width."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(0.1, ge=0, lt=1)
    """The share of all steps in which the rate rises: a fixed number, such as 500, may never end on 166 clips."""
    epochs: float = Field(10.0, gt=0)
    max_steps: int | None = Field(None, ge=1)
    """At most so many optimizer steps, whatever ``epochs`` comes to."""
    batch_size: int = Field(8, ge=1)
    """Clips in one forward pass."""
    accumulate: int = Field(1, ge=1)
    """Forward passes to one optimizer step; the gradients are those of one large batch."""

    eval_every: float = Field(0.5, gt=0)
    """Epochs from one evaluation on dev to the next; any fraction."""
    patience: int = Field(6, ge=1)
    """Evaluations without a better dev WER after which training ends."""
    eval_batch_size: int = Field(8, ge=1)

    optimizer: Literal["adamw", "adamw-8bit"] = "adamw"
    weight_decay: float = Field(0.01, ge=0)
    """On matrices only, as transformers' Trainer does it: biases and norms are not pulled to nothing."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Whisper's own (Radford et al. 2022, appendix F)."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    """Of the hidden states of layers that learn; 0: what the model's config says. Whisper was trained without."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Whisper's own (Radford et al. 2022, appendix F)."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What is computed in, weights being float32 always. ``auto``: bfloat16 autocast on CUDA, float32 elsewhere."""
    activation_checkpointing: bool = False
    """Compute activations twice instead of keeping them: about a third slower, a fraction of the memory."""
    checkpoint_every: int = Field(100, ge=1)
    """Optimizer steps from one checkpoint to the next."""
    balance: Literal["accent", "speaker"] | None = None
    average: float = Field(0.0, ge=0, lt=1)
    """Decay of an exponential moving average of the weights over steps; 0: off. It is what is evaluated and saved."""
    interpolate: float = Field(1.0, gt=0, le=1)
    """What is evaluated and saved: base + interpolate * (tuned - base), "WiSE-FT" (Wortsman et al. 2022)."""
    window: Literal["full", "fit"] = "full"
    """What a family that pads every clip to its window learns in; ``fit``: each batch as long as its longest clip and a
    margin. :func:`acento.training.planning.recipe_of_model` takes ``auto`` too, and settles it by the clips."""
    margins: tuple[float, float] = (0.3, 2.0)
    """Seconds between which each step's margin is drawn."""
    keep_full: float = Field(0.0, ge=0, le=1)
    """With ``fit``: the share of steps that also pull the states at the full window to those at the fitted one, so that
    a model that is used with 30 s windows elsewhere is not spoiled."""
    keep_weight: float = Field(1.0, gt=0)
    """What that term counts, beside a loss in nats for each token."""
    objective: Literal["text", "distill"] = "text"
    """``distill``: what the base says and holds at its full window is what is learned; needs no transcripts."""
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0)
    normalizer: str = "chilean-leaderboard"
    """For the rate on dev; where nobody names it, a training gets that of the data's language."""

    @field_validator("betas")
    @classmethod
    def _betas_are_decays(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("both must be at least 0 and below 1")
        return betas

    @field_validator("margins")
    @classmethod
    def _margins_are_a_range(cls, margins: tuple[float, float]) -> tuple[float, float]:
        if not 0 < margins[0] <= margins[1] <= 30:
            raise ValueError("they must rise, above 0 and to 30 s at most")
        return margins

    @field_validator("normalizer")
    @classmethod
    def _normalizer_is_known(cls, name: str) -> str:
        try:  # by its name alone, whether or not its version is named too: they are one recipe
            return normalizer(name).name
        except InputError:
            raise ValueError(f"there is {', '.join(sorted(NORMALIZERS))}") from None

    @model_validator(mode="after")
    def _lora_has_sites(self) -> Self:
        if self.strategy == "lora" and not self.lora_sites:
            raise ValueError("lora_sites must name at least one kind of layer, such as q_proj")
        return self

    def with_values(self, **values: Any) -> Self:
        """Return the recipe with some values changed, and checked again.

        Raises:
            InputError: a value is out of its range, or there is no such key.
        """
        return type(self).checked(self.model_dump() | values)

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Make a recipe of plain values, such as those of a YAML file.

        Raises:
            InputError: a value is out of its range, or there is no such key.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(_sentence(error, cls)) from None


def recipe_for(
    clips: int,
    device_type: DeviceType,
    given: Mapping[str, object] | None = None,
    *,
    strategy: Strategy = "encoder",
    width: int | None = None,
    learning_rate: float | None = None,
) -> Recipe:
    """Return the defaults for so many training clips on a kind of device, changed by what was given.

    Args:
        clips: clips in the train split.
        device_type: decides the batch, by memory.
        given: values of the recipe; None in them means "not given".
        strategy: what is to learn where it is not given; adapters take a higher rate.
        width: the model's ``d_model``, which decides the rate; None: that of whisper-small.
        learning_rate: what a model's family usually takes when all of it learns, instead of what the width says.

    Raises:
        InputError: a key is unknown, or a value is out of its range.
    """
    given = {key: value for key, value in (given or {}).items() if value is not None}
    strategy = Recipe.checked({"strategy": given.get("strategy", strategy)}).strategy
    rate = (learning_rate or fine_tuning_rate(width or 768)) * (_LORA_FACTOR if strategy == "lora" else 1.0)
    # by memory for whisper-small at full windows; a CPU gains nothing from more
    batch = {"cpu": 8, "mps": 8, "cuda": 16}[device_type]
    if clips < SMALL:
        by_size: dict[str, Any] = {
            "batch_size": min(8, batch),  # gives 166 clips 21 steps an epoch: with fewer, 10 epochs were too short
            "eval_batch_size": batch,
            "epochs": 10,  # what took whisper-small from 19.1 to 8.4, with an evaluation every half epoch
            "patience": 6,  # three epochs: a dev set of 50 clips is noisy
            "checkpoint_every": 50,
        }
    else:
        by_size = {
            "batch_size": batch,
            "accumulate": max(1, 32 // batch),  # 32 clips a step: less noise than 16, twice the steps of 64
            "eval_batch_size": 2 * batch,
            "epochs": 4,  # of ten over 6,500 clips, the first few bring most of the gain (Gandhi 2022)
            "patience": 4,
            "checkpoint_every": 200,
        }
    return Recipe.checked({"strategy": strategy, "learning_rate": rate, "eval_every": 0.5} | by_size | given)


def fine_tuning_rate(width: int) -> float:
    """Return the learning rate for a Whisper of some width: a fortieth of that of its pre-training.

    Between the published widths, and beyond them, along straight lines in the logarithms of both.

    >>> fine_tuning_rate(768), fine_tuning_rate(1280)
    (1.25e-05, 4.37e-06)
    """
    known = sorted(_PRE_TRAINED)
    above = next((index for index, one in enumerate(known) if width <= one), len(known) - 1)
    low, high = known[max(0, above - 1)], known[max(1, above)]
    slope = math.log(_PRE_TRAINED[high] / _PRE_TRAINED[low]) / math.log(high / low)
    return float(f"{_PRE_TRAINED[low] * (width / low) ** slope / _FINE:.3g}")


def read_recipe(file: Path) -> dict[str, Any]:
    """Return the values of a recipe's YAML file.

    Raises:
        InputError: it cannot be read, or is no mapping.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"Recipe {file} cannot be read ({str(error).splitlines()[0]}).") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"Recipe {file} is not a mapping; write lines such as 'learning_rate: 1.0e-5'.")
    return {str(key): _as_number(value) for key, value in values.items()}


def settle(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return a recipe's values with those of ``NAME=VALUE`` settings put in; a later one wins.

    >>> settle({"epochs": 3}, ["epochs=5", "augmentation.noise=0.5", "lora_sites=[q_proj]"])
    {'epochs': 5, 'augmentation': {'noise': 0.5}, 'lora_sites': ['q_proj']}

    Raises:
        InputError: a setting has no such form.
    """
    settled: dict[str, Any] = dict(values)
    for setting in settings:
        name, equals, text = setting.partition("=")
        place, dot, inner = name.strip().partition(".")
        if not equals or not place or (dot and (place != "augmentation" or not inner)):
            raise InputError(
                f"--set {setting!r} sets nothing; write NAME=VALUE, such as epochs=20 or augmentation.noise=0.5."
            )
        try:
            value = _as_number(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise InputError(f"--set {setting!r} cannot be read; quote what has brackets or colons in it.") from error
        settled[place] = (settled.get(place) or {}) | {inner: value} if dot else value
    return settled


def _as_number(value: Any) -> Any:
    """Return a float where YAML 1.1 reads ``1e-5`` as text, else the value as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return the dotted name of the first field that is wrong, "" for several together, and what is wrong with it."""
    first = error.errors()[0]
    what = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return ".".join(map(str, first["loc"])), f"{what[0].lower()}{what[1:]}"


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    name, what = first_problem(error)
    if first["type"] == "extra_forbidden":
        inside = Augmentation if first["loc"][0] == "augmentation" else model
        return f"A recipe has no {name!r}; it has {', '.join(inside.model_fields)}."
    owner = f"The recipe's {name}={first['input']!r}" if name else "The recipe"
    return f"{owner} cannot be used: {what}."
