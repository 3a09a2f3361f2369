"""What is asked of the window gate by hand."""

from typing import Annotated

from pydantic import Field

from acento.requests.base import (
    AllowFewSpeakers,
    AllowInvalid,
    Compute,
    DeviceName,
    Language,
    NonEmpty,
    NormalizerName,
    Option,
    Request,
    WindowBound,
)
from acento.requests.decoding import NumRequests


class WindowsRequest(Request):
    """A tuned model whose short windows are to be judged against its full ones."""

    heading_format = "judge the windows of {0.model}"

    model: Annotated[NonEmpty, Option(argument=True)] = Field(
        description="A tuned model that was taught short windows: NAME, NAME@VERSION or an alias."
    )
    test: NonEmpty | None = Field(
        None, description="What it is judged on, such as santiago[accent=chilean]; default: the data it was tuned on."
    )
    guards: Annotated[list[NonEmpty] | None, Option("--guard")] = Field(
        None, description="What must not get worse either: a staged data set, or SET[accent=NAME]. Repeatable."
    )
    window_bound: WindowBound = 0.005
    allow_few_speakers: AllowFewSpeakers = False
    language: Language = None
    normalizer: NormalizerName = None
    num_requests: NumRequests = None
    device: DeviceName = None
    compute: Compute = None
    allow_invalid: AllowInvalid = False
