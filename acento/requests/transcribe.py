"""What is asked of a transcription of recordings."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from acento.captions.style import SpeakerLabels
from acento.models.search import BeamSize
from acento.requests.base import NonEmpty, Option, Positive
from acento.requests.decoding import DecodingRequest

LADDER: Final = "0,0.2,0.4,0.6,0.8,1.0"
"""The temperatures of a Whisper where nobody names any."""


def listed(value: Any) -> Any:
    """Return names that were typed with commas between them, or one by one, as a list without doubles."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        return value
    return (
        list(dict.fromkeys(name.strip().lower() for one in value for name in one.split(",") if name.strip())) or value
    )


class ListenRequest(DecodingRequest):
    """How recordings are to be heard: by which model, with which speakers, and where."""

    model: Annotated[NonEmpty | None, Option("--model", "-m")] = Field(
        None,
        description="As acento benchmark takes it; default: the model of the registry that is in production, else "
        "openai/whisper-base.",
    )
    language: Annotated[NonEmpty | None, Option("--language", "--model-language")] = Field(
        None,
        description="What is spoken, such as es; default: a multilingual model guesses it for each recording.",
    )
    beam_size: BeamSize | None = Field(  # type: ignore[assignment]
        None,
        description="Texts that a Whisper follows at a time; 1: the likeliest next token; default: 5 on CTranslate2, "
        "else 1.",
    )
    prompt: NonEmpty | None = Field(
        None, description="What is held to have been said before each window: names, spelling, style."
    )
    hotwords: NonEmpty | None = Field(
        None, description="A file of names and terms that are likely to be said, one a line."
    )
    align: NonEmpty | None = Field(None, description="A CTC model that finds the times of the words instead.")
    channels: Literal["mix", "each"] = Field(
        "mix", description="each: one speaker a channel, as call centers record; mix: all channels are one."
    )
    diarize: bool = Field(False, description="Say who speaks.")
    diarizer: NonEmpty = Field(
        "accurate", description="What finds the speakers: accurate, fast, or a pyannote pipeline or NeMo Sortformer."
    )
    speakers: Positive | None = Field(None, description="How many people speak, where that is known.")
    min_speakers: Positive | None = Field(None, description="At least so many people speak.")
    max_speakers: Positive | None = Field(None, description="At most so many people speak.")
    voices: Annotated[list[NonEmpty] | None, Option("--voice")] = Field(
        None, description="NAME=FILE: a recording of one person, who is then called so. Repeatable."
    )
    by_sentence: bool = Field(False, description="Let one person say each sentence.")
    merge: Literal["overlap", "chunks"] = Field(
        "overlap",
        description="overlap: each word goes to whose turns cover most of it; chunks: whole sentences go to turns one "
        "after the other, as in insanely-fast-whisper, to compare.",
    )
    engine: Literal["transformers", "ctranslate2"] | None = Field(
        None, description="What runs a Whisper, unless its name says it (openai/whisper-tiny:ctranslate2-int8)."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.quantization is not None and self.engine is None:
            raise ValueError("A quantization is for CTranslate2: add --engine ctranslate2")
        of_speakers = ("speakers", "min_speakers", "max_speakers", "voices")
        asked = [name for name in of_speakers if getattr(self, name)] + ["merge"] * (self.merge != "overlap")
        if asked and not self.diarize:
            raise ValueError(
                f"{self.option(asked[0]).spelled(asked[0])[0]} is for telling speakers apart: add --diarize"
            )
        if self.speakers and (self.min_speakers or self.max_speakers):
            raise ValueError("The number of speakers is either known (--speakers) or bounded: give one of them")
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError(f"At least {self.min_speakers} speakers cannot be at most {self.max_speakers}")
        names: set[str] = set()
        for voice in self.voices or ():
            name, _, file = (part.strip() for part in voice.partition("="))
            if not name or not file:
                raise ValueError(f"A voice is NAME=FILE, such as ana=ana.wav; got {voice!r}")
            if name in names:
                raise ValueError(f"Two voices are called {name!r}: give each a name, or one recording of both")
            names.add(name)
        return self


class TranscribeRequest(ListenRequest):
    """Recordings to be transcribed, and the files to be written of each."""

    heading_format = "transcribe {0.title}"

    paths: Annotated[list[NonEmpty], Option(argument=True)] = Field(
        min_length=1,
        description="Audio or video files, folders, patterns such as 'talks/*.mp3', s3://bucket/prefix, addresses, or "
        "- for standard input.",
    )
    formats: Annotated[list[NonEmpty], Option("--format", "-f"), BeforeValidator(listed)] = Field(
        ["txt", "json"],
        description="What is written of each recording: txt, srt, vtt, ttml, json, csv, rttm, ctm, stm, docx; several "
        "with commas between them.",
    )
    out: Annotated[NonEmpty, Option("--out", "-o")] = Field(
        "transcripts", description="The folder for the files that are written."
    )
    translate: bool = Field(False, description="Write English, whatever is spoken: for a multilingual Whisper.")
    line_length: Annotated[int | None, Field(ge=8, le=200)] = Field(
        None, description="Columns of a caption's line; default: 42, and 32 in Chinese, Japanese and Korean."
    )
    speaker_labels: SpeakerLabels = Field(
        "tag",
        description="How captions name who speaks: by the format's own tag, a prefix, a bracket, a color, or not.",
    )
    times: bool = Field(False, description="Begin each paragraph of plain text with its time.")

    @property
    def title(self) -> str:
        """What a person calls it, such as ``talks and 2 more``."""
        first = self.paths[0].rstrip("/").rpartition("/")[2] or self.paths[0]
        return f"{first} and {len(self.paths) - 1} more" if len(self.paths) > 1 else first
