"""What is asked of a staging, and of a validation."""

from typing import Annotated

from pydantic import Field

from acento.data.source_options import SourceOptions, SplitBy
from acento.requests.base import AboveZero, Language, NonEmpty, Option, Request


class StageRequest(Request, SourceOptions):
    """A source of recordings to be staged as a data set, and what the source is told."""

    heading_format = "stage {0.name}"

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


class ValidateRequest(Request):
    """A staged data set to be judged by a suite."""

    heading_format = "validate {0.dataset}"

    dataset: Annotated[NonEmpty, Option(argument=True)] = Field(description="A staged data set, NAME or NAME@VERSION.")
    suite: NonEmpty | None = Field(None, description="A suite's file instead of Acento's own.")
    model: Annotated[NonEmpty | None, Option("--model", "-m")] = Field(
        None, description="Also check what this model can be taught."
    )
    doctor: NonEmpty | None = Field(
        None, description="Rank the outliers among what this base model transcribes, in every clip."
    )
    language: Language = None
