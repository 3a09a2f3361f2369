"""What is asked of a benchmark."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from acento.core.errors import InputError
from acento.models.base import Dtype
from acento.models.search import BeamSize, Temperatures, check_search, temperatures_of
from acento.models.windows import WindowChoice
from acento.registry.runs.request import RunRequest
from acento.requests.base import (
    AboveZero,
    AllowInvalid,
    Compute,
    DeviceName,
    Language,
    NormalizerName,
    Option,
    Positive,
    Request,
)

AUTO: Final = "auto"
"""The engine that is found by measuring."""


class BenchmarkRequest(Request, RunRequest):
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
    num_requests: Annotated[Positive | None, Option("--num-requests", "--shards")] = Field(
        None, description="Workers that share the work; default: one on a GPU, else one a core."
    )
    gpu_batch_size: Positive | None = Field(None, description="Clips in a batch; default by model family and device.")
    job_id: str | None = Field(None, description="The run's name; made from the time if not given.")
    limit: Positive | None = Field(None, description="Only the first clips by id.")
    language: Language = None
    normalizer: NormalizerName = None
    device: DeviceName = None
    dtype: Dtype | None = Field(
        None,
        description="What is computed in; int8 for Whisper on the CPU; default: float32 on the CPU, half precision on "
        "a GPU.",
    )
    beam_size: BeamSize = Field(1, description="Texts that a Whisper follows at a time; 1: the likeliest next token.")
    temperatures: Temperatures = Field(
        None,
        description="Rising from 0, such as 0,0.2,0.4,0.6,0.8,1.0: where a Whisper's text repeats itself or is "
        "unlikely, it is drawn again at the next one.",
    )
    window: WindowChoice = Field(
        "auto",
        description="What clips are encoded in: full, the model's own window (Whisper's 30 s); fit, one as short as "
        "the clips; auto, short where the model was taught it.",
    )
    window_s: AboveZero | None = Field(
        None, description="Cut long recordings at silence into windows of at most so many seconds."
    )
    threads: Positive | None = Field(None, description="CPU threads of each worker.")
    compute: Compute = None
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
    quantization: Literal["int8", "int8_float16", "float16", "float32"] | None = Field(
        None, description="How ctranslate2 holds weights; default: int8."
    )
    repeats: Positive = Field(1, description="Decode so often for the clock: the RTFx is the median.")
    budget: AboveZero | None = Field(None, description="Dollars: what is expected to cost more is not begun.")
    dry_run: bool = Field(False, description="Only say what there is to do, and what it would take and cost.")
    allow_invalid: AllowInvalid = False
    batch_check: Positive | None = Field(
        None, description="Transcribe so many clips again, one at a time, and count the texts that the batch changed."
    )

    @model_validator(mode="after")
    def _beams_are_of_use(self) -> Self:
        try:
            check_search(self.beam_size, temperatures_of(self.temperatures))
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def heading(self) -> str:
        """What a run of it is called: what it measures, and the run's own name if it was given one."""
        return f"benchmark {self.title}" + (f" ({self.job_id})" if self.job_id else "")
