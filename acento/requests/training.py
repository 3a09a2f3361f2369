"""What is asked of the jobs that train: a fine-tuning, a specialization, a search, a learning curve, folds."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from acento.data.source_options import SplitBy
from acento.experiments.search.budget import Budget, PrunerName, SamplerName
from acento.models.windows import WindowChoice
from acento.requests.base import (
    AboveZero,
    AllowFewSpeakers,
    AllowInvalid,
    Compute,
    Dataset,
    DeviceName,
    NonEmpty,
    NormalizerName,
    Option,
    Positive,
    Request,
    WindowBound,
)

_ALSO_OPTIONS = ("window", "keep_full")
"""Values of the recipe that are options too."""
SHORTENING: dict[str, Any] = {"objective": "distill", "window": "fit", "epochs": 4.0}
"""What the recipe of a shortening has where nothing else is asked for: there is less to learn than a new accent."""
USUAL_TRIALS = 20
"""Trials where nobody gives a budget: TPE's eight random ones, and a dozen that know something."""


class TrainingRequest(Request):
    """One base model and one staged data set to learn from, its train split; the dev split steers."""

    heading_format = "{0.title}"

    dataset: Dataset
    base_model: Annotated[NonEmpty, Option("--base-model", "-b")] = Field(
        description="A folder, a Hugging Face id (owner/name@revision), demo:NAME or registry:NAME@VERSION."
    )
    name: NonEmpty | None = Field(None, description="The tuned model's name in the registry; default: BASE-DATASET.")
    recipe: dict[str, Any] | None = Field(
        None, description='What departs from the recipe that suits the number of clips, such as {"epochs": 20}.'
    )
    language: Annotated[NonEmpty | None, Option("--model-language", "--language")] = Field(
        None, description="What the model is taught to write, such as es; default: the data's language."
    )
    normalizer: NormalizerName = None
    window: WindowChoice | None = Field(
        None,
        description="What Whisper learns in: its full windows, or fit, as long as a batch's longest clip and a margin; "
        "default: auto, fit where nine of ten clips are under half a window.",
    )
    keep_full: Annotated[float | None, Field(ge=0, le=1)] = Field(
        None, description="With fitted windows: the share of steps that also keep what full ones are heard as; 0 to 1."
    )
    device: DeviceName = None
    threads: Positive | None = Field(None, description="CPU threads of the training; default: every core.")
    compute: Compute = None
    allow_invalid: AllowInvalid = False

    @property
    def title(self) -> str:
        """What a person calls it, such as ``whisper-mini on santiago``."""
        return f"{self.base_model.rstrip('/').rpartition('/')[2].removeprefix('demo:')} on {self.dataset}"

    @property
    def model_name(self) -> str:
        """The tuned model's name, such as ``whisper-mini-santiago``.

        >>> FinetuneRequest(dataset="santiago@2", base_model="openai/whisper-small").model_name
        'whisper-small-santiago'
        >>> FinetuneRequest(dataset="demo", base_model="registry:whisper-mini-demo@1a2b").model_name
        'whisper-mini-demo'
        """
        if self.name is not None:
            return self.name
        prefix, _, rest = self.base_model.rpartition(":")
        base, data = rest.rstrip("/").rpartition("/")[2].partition("@")[0], self.dataset.partition("@")[0]
        return base if prefix == "registry" and base.endswith(f"-{data}") else f"{base}-{data}"

    @property
    def output_language(self) -> str | None:
        """What the models are told to write; None: what the data set says."""
        return self.language

    @property
    def changes(self) -> dict[str, Any]:
        """What departs from the usual recipe."""
        own = {name: getattr(self, name) for name in ("normalizer", *_ALSO_OPTIONS)}
        return (self.recipe or {}) | {name: value for name, value in own.items() if value is not None}

    @model_validator(mode="after")
    def _say_each_once(self) -> Self:
        for name in _ALSO_OPTIONS:
            option, value = getattr(self, name), (self.recipe or {}).get(name)
            if option is not None and value is not None and option != value:
                raise ValueError(f"{name} is {option} and the recipe's {name} is {value}: say one of them")
        return self


class _OneRecipe(TrainingRequest):
    """A job of one recipe, whose strategy has a parameter of its own."""

    strategy: Literal["encoder", "full", "decoder", "lora", "last-n"] | None = Field(
        None, description="What learns; default: encoder, unless the recipe says otherwise."
    )

    @property
    def changes(self) -> dict[str, Any]:
        """What departs from the usual recipe, with the strategy."""
        return super().changes | ({"strategy": self.strategy} if self.strategy else {})


class FinetuneRequest(_OneRecipe):
    """One base model to be tuned on one staged data set."""

    heading_format = "finetune {0.title}"

    devices: Positive = Field(
        1, description="GPUs of one machine that share each step, or processes on its CPU; part of what a training is."
    )
    max_minutes: AboveZero | None = Field(
        None, description="Of one sitting: then a checkpoint is left, and the next begins."
    )


class SpecializeRequest(FinetuneRequest):
    """A fine-tuning with all that proves it: validation, benchmarks before and after, and the gate."""

    heading_format = "specialize {0.title}"

    source: NonEmpty | None = Field(
        None, description="Stage this first: a folder, archive, table, manifest, owner/name."
    )
    test: NonEmpty | None = Field(
        None, description="What must get better, such as santiago[accent=chilean]; default: the data's test split."
    )
    guards: Annotated[list[NonEmpty] | None, Option("--guard")] = Field(
        None, description="What must not get worse: a staged data set, or SET[accent=NAME]. Repeatable."
    )
    bound: float = Field(
        0.02, ge=0, lt=1, description="The largest loss on a guard that passes, a fraction of WER or CER."
    )
    window_bound: WindowBound = 0.005
    allow_few_speakers: AllowFewSpeakers = False
    interpolate: Annotated[bool, Option("--interpolate/--no-interpolate")] = Field(
        True, description="Where the gate refuses, try weights between the base's and the tuned ones, chosen on dev."
    )
    promote: Annotated[bool, Option("--promote/--no-promote")] = Field(True, description="Make what passes production.")
    language: Annotated[NonEmpty | None, Option("--language")] = Field(
        None, description="Spoken in the source, such as es; models are told it too."
    )
    model_language: NonEmpty | None = Field(
        None, description="What the models are told to write; default: the data's language."
    )
    num_requests: Annotated[Positive | None, Option("--num-requests", "--shards")] = Field(
        None, description="Workers that share each benchmark's work."
    )

    @property
    def output_language(self) -> str | None:
        """What the models are told to write; None: what each data set says."""
        return self.model_language or self.language


class ShortenRequest(FinetuneRequest):
    """A model to be taught short windows by what it writes at its full one, on audio that needs no transcripts."""

    heading_format = "shorten {0.title}"
    window: ClassVar[None] = None  # type: ignore[misc]  # so that it is no field
    """It is ``fit``, and no choice."""

    base_model: Annotated[NonEmpty, Option(argument=True)] = Field(
        description="A folder, a Hugging Face id (owner/name@revision), demo:NAME or registry:NAME@VERSION."
    )
    name: NonEmpty | None = Field(None, description="The new model's name in the registry; default: BASE-short.")
    language: Annotated[NonEmpty | None, Option("--model-language", "--language")] = Field(
        None, description="What is spoken, such as es; default: the data's language."
    )
    limit: Positive | None = Field(
        None, description="Learn from at most so many clips of train, and of dev, drawn by chance; default: all."
    )
    test: NonEmpty | None = Field(
        None, description="What short windows are judged on: a staged data set with transcripts; default: the data."
    )
    guards: Annotated[list[NonEmpty] | None, Option("--guard")] = Field(
        None, description="What must not get worse by them either: a data set, or SET[accent=NAME]. Repeatable."
    )
    window_bound: WindowBound = 0.005
    allow_few_speakers: AllowFewSpeakers = False
    num_requests: Annotated[Positive | None, Option("--num-requests", "--shards")] = Field(
        None, description="Workers that share the transcriptions; default: one on a GPU, else one a core."
    )
    again: bool = Field(False, description="Also teach a model that was taught short windows before.")

    @property
    def model_name(self) -> str:
        """The new model's name, such as ``whisper-small-short``.

        >>> ShortenRequest(dataset="calls@2", base_model="openai/whisper-small").model_name
        'whisper-small-short'
        >>> ShortenRequest(dataset="calls", base_model="registry:mini-short@1a2b").model_name
        'mini-short'
        """
        if self.name is not None:
            return self.name
        base = self.base_model.rpartition(":")[2].rstrip("/").rpartition("/")[2].partition("@")[0]
        return base if base.endswith("-short") else f"{base}-short"

    @property
    def changes(self) -> dict[str, Any]:
        """What departs from the usual recipe, with what makes it a shortening."""
        return SHORTENING | super().changes


class CurveRequest(_OneRecipe):
    """The same training on growing shares of a data set's train split; no model is kept."""

    heading_format = "learning curve of {0.title}"

    shares: Annotated[list[float], Field(min_length=1)] = Field(
        [25.0, 50.0, 75.0, 100.0], description="Of the training clips, in percent."
    )
    name: NonEmpty | None = Field(None, description="What the trainings are called; default: BASE-DATASET.")


class FoldsRequest(_OneRecipe):
    """The same training on all of a data set's clips but one fold, as often as there are folds; no model is kept."""

    heading_format = "{0.folds} folds of {0.title}"

    folds: Annotated[int, Option("--folds", "-k")] = Field(5, ge=2, description="How many.")
    by: SplitBy = Field("auto", description="What is never parted: speaker, prompt, or auto (speaker where known).")
    splits: Annotated[list[Literal["train", "dev", "test"]] | None, Option("--split")] = Field(
        None, description="Only clips of this split; default: all. Repeatable."
    )
    name: NonEmpty | None = Field(None, description="What the trainings are called; default: BASE-DATASET.")


class SearchRequest(TrainingRequest):
    """Recipes to be tried on one base model and one staged data set; ``recipe`` is what all of them have in common."""

    heading_format = "search {0.title}"

    name: NonEmpty | None = Field(
        None, description="Of the search, and of the best model in the registry; default: BASE-DATASET."
    )
    space: dict[str, Any] | None = Field(
        None,
        description='What to try, such as {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": true}}; '
        "default: what is usually worth trying.",
    )
    sampler: SamplerName = Field("tpe", description="How to choose the next trial.")
    pruner: PrunerName = Field("median", description="When to end a trial that is worse than others.")
    trials: Positive | None = Field(None, description="How many in all; default: 20, or the grid.")
    minutes: AboveZero | None = Field(None, description="Of training, all trials together.")
    dollars: AboveZero | None = Field(None, description="All trials together, by the price per hour.")
    price_per_hour: AboveZero | None = Field(
        None, description="Dollars for an hour of one training; default: the device's price, if it has one."
    )
    parallel: Positive = Field(1, description="Trials side by side.")
    seed: int = Field(0, ge=0, description="Of what is tried.")
    threads: Positive | None = Field(None, description="CPU threads of each trial; default: every core, shared.")

    @property
    def budget(self) -> Budget:
        """When to stop; without any limit a grid is searched whole, and else the usual number of trials made."""
        free = self.trials is None and self.minutes is None and self.dollars is None and self.sampler != "grid"
        return Budget(
            trials=USUAL_TRIALS if free else self.trials,
            minutes=self.minutes,
            dollars=self.dollars,
            price_per_hour=self.price_per_hour,
        )
