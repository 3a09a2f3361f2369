"""How models decode, as fields that the requests of several jobs have."""

from typing import Annotated, Literal

from pydantic import Field

from acento.models.base import Dtype
from acento.models.search import BeamSize, Temperatures
from acento.models.windows import WindowChoice
from acento.requests.base import AboveZero, Option, Positive

NumRequests = Annotated[
    Positive | None,
    Option("--num-requests", "--shards"),
    Field(description="Workers that share the work; default: one on a GPU, else one a core."),
]
BatchSize = Annotated[Positive | None, Field(description="Clips in a batch; default by model family and device.")]
DtypeName = Annotated[
    Dtype | None,
    Field(
        description="What is computed in; int8 for Whisper on the CPU; default: float32 on the CPU, half precision on "
        "a GPU."
    ),
]
Beams = Annotated[BeamSize, Field(description="Texts that a Whisper follows at a time; 1: the likeliest next token.")]
TriedTemperatures = Annotated[
    Temperatures,
    Field(
        description="Rising from 0, such as 0,0.2,0.4,0.6,0.8,1.0: where a Whisper's text repeats itself or is "
        "unlikely, it is drawn again at the next one."
    ),
]
Window = Annotated[
    WindowChoice,
    Field(
        description="What clips are encoded in: full, the model's own window (Whisper's 30 s); fit, one as short as "
        "the clips; auto, short where the model was taught it."
    ),
]
WindowSeconds = Annotated[
    AboveZero | None,
    Field(description="Cut long recordings at silence into windows of at most so many seconds."),
]
Threads = Annotated[Positive | None, Field(description="CPU threads of each worker.")]
Quantization = Annotated[
    Literal["int8", "int8_float16", "float16", "float32"] | None,
    Field(description="How ctranslate2 holds weights; default: int8."),
]
