"""What is asked of a staging."""

from typing import Annotated

from pydantic import Field

from acento.data.source_options import SourceOptions, SplitBy
from acento.requests.base import AboveZero, NonEmpty, Option, Request


class StageRequest(Request, SourceOptions):
    """A source of recordings to be staged as a data set, and what the source is told."""

    source: Annotated[NonEmpty, Option(argument=True)] = Field(
        description="A folder of clips with their transcripts, a list (.csv, .tsv, .jsonl), a corpus (Kaldi, "
        "LibriSpeech, …), a transcript with times (.srt, .eaf, …), an archive or address of any of these, or a Hugging "
        "Face data set (owner/name). docs/how-to/data.md and docs/how-to/layouts.md have them all."
    )
    name: NonEmpty = Field(description="What to call the data set.")
    language: str | None = Field(None, description="Language spoken, such as es.")
    seed: int | None = Field(None, description="Seed of the splits; fixed by the first version.")
    split_by: SplitBy | None = Field(
        None, description="What keeps clips in one split: the speaker, the prompt; auto: the best known."
    )
    write_splits: bool = Field(False, description="Write the splits back as CSV beside the source.")
    max_duration: AboveZero | None = Field(None, description="Leave out recordings longer than this, in seconds.")
