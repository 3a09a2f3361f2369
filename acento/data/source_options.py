"""What a source of recordings may be told beside its place."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

SplitBy = Literal["auto", "speaker", "prompt"]
_Text = Annotated[str, Field(min_length=1)]


class SourceOptions(BaseModel, frozen=True, extra="forbid"):
    """What a source may be told beside its place; a kind of source ignores what it has no use for."""

    revision: _Text | None = Field(None, description="Of a Hugging Face data set: branch, tag or commit.")
    config: _Text | None = Field(None, description="Of a Hugging Face data set: which configuration.")
    source_split: _Text | None = Field(None, description="Take only this split of the source, by the source's name.")
    audio_column: _Text | None = Field(None, description="Column with the recordings, of a table.")
    text_column: _Text | None = Field(None, description="Column with the transcripts, of a table.")
    encoding: _Text | None = Field(
        None, description="Of lists and transcripts that are not UTF-8, such as latin-1, without a byte order mark."
    )
    channel: Literal["0", "1", "split", "mix"] | None = Field(
        None, description="Of stereo recordings: one channel, each as a clip of its own (split), or mix."
    )
    into_split: Literal["train", "dev", "test"] | None = Field(
        None, description="Split of all clips for which the source names none."
    )
    untranscribed: bool = Field(
        False, description="Also take recordings without a transcript, of folders, tables, manifests and hub data sets."
    )
    allow_pipes: bool = Field(False, description="Run the commands in a Kaldi wav.scp; without it they are refused.")
