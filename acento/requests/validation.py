"""What is asked of a validation."""

from typing import Annotated

from pydantic import Field

from acento.requests.base import Language, NonEmpty, Option, Request, option


class ValidateRequest(Request):
    """A staged data set to be judged by a suite."""

    dataset: Annotated[NonEmpty, Option(argument=True)] = Field(description="A staged data set, NAME or NAME@VERSION.")
    suite: NonEmpty | None = Field(None, description="A suite's file instead of Acento's own.")
    model: Annotated[NonEmpty | None, option("--model", "-m")] = Field(
        None, description="Also check what this model can be taught."
    )
    doctor: NonEmpty | None = Field(
        None, description="Rank the outliers among what this base model transcribes, in every clip."
    )
    language: Language = None
