"""What is asked of a benchmark."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from acento.registry.runs.request import RunRequest
from acento.requests.base import (
    AboveZero,
    AllowInvalid,
    Language,
    NonEmpty,
    NormalizerName,
    Option,
    Positive,
)
from acento.requests.decoding import DecodingRequest

AUTO: Final = "auto"
"""The engine that is found by measuring."""
_OF_CLIPS: Final = ("limit", "repeats", "budget", "dry_run", "batch_check")


class BenchmarkRequest(DecodingRequest, RunRequest):
    """Models to be measured on a split of data sets."""

    model_config = ConfigDict(extra="forbid")

    models: Annotated[list[str], Option("--model", "-m")] = Field(
        min_length=1,
        description="A folder, a .nemo file, a Hugging Face id (owner/name@revision), demo:NAME or registry:NAME. "
        "Repeatable.",
    )
    datasets: Annotated[list[str], Option("--dataset", "-d")] = Field(
        min_length=1, description="A staged data set, NAME or NAME@VERSION. Repeatable."
    )
    split: str = Field("test", description="train, dev, test, or all of them together.")
    job_id: str | None = Field(None, description="The run's name; made from the time if not given.")
    limit: Positive | None = Field(None, description="Only the first clips by id.")
    language: Language = None
    normalizer: NormalizerName = None
    engine: Literal["auto", "transformers", "ctranslate2"] | None = Field(
        None,
        description="What runs the Whispers, unless a name says it (openai/whisper-tiny:ctranslate2-int8); auto: what "
        "is fastest on this machine within --engine-bound, measured once.",
    )
    engine_bound: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="With engine auto: by how much the WER may be higher than the default engine's, a fraction.",
    )
    repeats: Positive = Field(1, description="Decode so often for the clock: the RTFx is the median.")
    budget: AboveZero | None = Field(None, description="Dollars: what is expected to cost more is not begun.")
    dry_run: bool = Field(False, description="Only say what there is to do, and what it would take and cost.")
    allow_invalid: AllowInvalid = False
    batch_check: Positive | None = Field(
        None, description="Transcribe so many clips again, one at a time, and count the texts that the batch changed."
    )

    diarize: bool = Field(
        False,
        description="Data sets are folders of long recordings with .stm or .rttm files of who says what: transcribe "
        "them, tell speakers apart, and score both.",
    )
    diarizers: Annotated[list[NonEmpty], Option("--diarizer")] = Field(
        ["accurate"],
        min_length=1,
        description="With --diarize, what finds the speakers: accurate, fast, or a pyannote pipeline or NeMo "
        "Sortformer. Repeatable: each is measured with each model.",
    )

    @model_validator(mode="after")
    def _recordings_are_transcribed_once(self) -> Self:
        changed = [name for name in _OF_CLIPS if getattr(self, name) != type(self).model_fields[name].default]
        if self.diarize and self.engine == AUTO:
            raise ValueError("The fastest engine is found on clips: name one with --engine, or leave --diarize out")
        if self.diarize and changed:
            spelled = self.option(changed[0]).spelled(changed[0])[0]
            raise ValueError(f"{spelled} is for data sets of clips: leave it or --diarize out")
        if not self.diarize and self.diarizers != ["accurate"]:
            raise ValueError("--diarizer is for telling speakers apart: add --diarize")
        return self

    @property
    def heading(self) -> str:
        """What a run of it is called: what it measures, and the run's own name if it was given one."""
        return f"benchmark {self.title}" + (f" ({self.job_id})" if self.job_id else "")
