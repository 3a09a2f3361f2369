"""What is asked of a draft: recordings without transcripts, or the list of one that a person has reviewed."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from acento.requests.base import NonEmpty, Option
from acento.requests.transcribe import ListenRequest, TranscribeRequest


class DraftRequest(ListenRequest):
    """Recordings to be transcribed for a person to review, or what a person has decided."""

    heading_format = "draft {0.name}"

    paths: Annotated[list[NonEmpty] | None, Option(argument=True)] = Field(
        None, description="Recordings without transcripts, as acento transcribe takes them: files, folders, addresses."
    )
    name: NonEmpty = Field(description="What the data set is called, or is to be called.")
    out: Annotated[NonEmpty | None, Option("--out", "-o")] = Field(
        None, description="The file for the review list; default: NAME-review.csv."
    )
    reviewed: NonEmpty | None = Field(
        None, description="A review list that a person has marked: stage what was kept and corrected."
    )
    accept_above: Annotated[float | None, Field(ge=0, le=1)] = Field(
        None, description="Also stage what has no mark and at least this confidence, such as 0.9."
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if self.paths and self.reviewed:
            raise ValueError("Name recordings to transcribe or a list with --reviewed, not both")
        if not self.paths and not self.reviewed:
            raise ValueError("Name recordings to transcribe, or with --reviewed the list of what a person has decided")
        if self.reviewed is not None and self.out is not None:
            raise ValueError("--out is for a new review list: leave it out with --reviewed")
        return self

    @property
    def list_path(self) -> str:
        """The review list: the one to be read, or to be written."""
        return self.reviewed or self.out or f"{self.name}-review.csv"

    @property
    def transcription(self) -> TranscribeRequest:
        """The same recordings and model as a transcription that writes no files."""
        shared = {name: getattr(self, name) for name in ListenRequest.fields()}
        return TranscribeRequest.of(paths=self.paths or [], formats=[], **shared)
