"""What is asked of captions: other files of a transcript, or a video that shows them."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from acento.captions.style import CaptionStyle, SpeakerLabels
from acento.requests.base import AboveZero, NonEmpty, Option, Positive, Request
from acento.requests.transcribe import listed


class CaptionsRequest(Request):
    """Transcripts to be written in other formats and styles, or a video and the captions to be put into it."""

    heading_format = "captions"

    paths: Annotated[list[NonEmpty], Option(argument=True)] = Field(
        min_length=1,
        description="The .json of a transcript, or several; or a video and its captions (.json, .srt, .vtt, .ttml).",
    )
    formats: Annotated[list[NonEmpty], Option("--format", "-f"), BeforeValidator(listed)] = Field(
        ["srt"],
        min_length=1,
        description="What is written of each transcript, as of acento transcribe; several with commas between.",
    )
    out: Annotated[NonEmpty | None, Option("--out", "-o")] = Field(
        None, description="The folder for files, or the video with captions; default: beside what they are made of."
    )
    burn: bool = Field(False, description="Draw captions on the pictures, where no player can switch them off.")
    font: NonEmpty | None = Field(None, description="The font to draw with, a file; default: DejaVu Sans.")
    line_length: Annotated[int | None, Field(ge=8, le=200)] = Field(
        None, description="Columns of a line; default: 42, and 32 in Chinese, Japanese and Korean."
    )
    lines: Annotated[Positive, Field(le=4)] = Field(2, description="Lines of a caption, at most.")
    reading_speed: AboveZero | None = Field(
        None, description="Columns a second that people read; default: 20 in English, 17 in most languages."
    )
    min_seconds: AboveZero = Field(0.833, description="A caption is shown for so long, at least.")
    max_seconds: AboveZero = Field(7.0, description="A caption is shown for so long, at most.")
    frame_rate: Annotated[float, Field(ge=1, le=240)] = Field(
        24.0, description="Frames a second; two without a caption are between any two of them."
    )
    speaker_labels: SpeakerLabels = Field(
        "tag", description="How captions name who speaks: the format's own tag, a prefix, a bracket, a color, or none."
    )
    times: bool = Field(False, description="Begin each paragraph of plain text with its time.")
    language: NonEmpty | None = Field(None, description="Of the captions, for the video's track; such as es.")
    overwrite: bool = Field(False, description="Replace files that are there with another content.")

    @model_validator(mode="after")
    def _in_order(self) -> "CaptionsRequest":
        if self.min_seconds > self.max_seconds:
            raise ValueError("A caption cannot be shown at least longer than at most: see --min-seconds, --max-seconds")
        return self

    @property
    def style(self) -> CaptionStyle:
        """How captions look."""
        return CaptionStyle(
            line_length=self.line_length,
            lines=self.lines,
            reading_speed=self.reading_speed,
            min_s=self.min_seconds,
            max_s=self.max_seconds,
            frame_rate=self.frame_rate,
            speakers=self.speaker_labels,
            times=self.times,
        )
