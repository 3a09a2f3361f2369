"""How models decode, as fields that the requests of several jobs have."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from acento.core.errors import InputError
from acento.models.base import Dtype
from acento.models.search import BeamSize, Temperatures, check_search, temperatures_of
from acento.models.windows import WindowChoice
from acento.requests.base import AboveZero, Compute, DeviceName, Option, Positive, Request

NumRequests = Annotated[
    Positive | None,
    Option("--num-requests", "--shards"),
    Field(description="Workers that share the work; default: one on a GPU, else one a core."),
]


class DecodingRequest(Request):
    """How models decode, and where."""

    num_requests: NumRequests = None
    gpu_batch_size: Positive | None = Field(None, description="Clips in a batch; default by model family and device.")
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
    quantization: Literal["int8", "int8_float16", "float16", "float32"] | None = Field(
        None, description="How ctranslate2 holds weights; default: int8."
    )
    compute: Compute = None

    @model_validator(mode="after")
    def _beams_are_of_use(self) -> Self:
        try:
            check_search(self.beam_size or 1, temperatures_of(self.temperatures))
        except InputError as error:
            raise ValueError(str(error)) from None
        return self
