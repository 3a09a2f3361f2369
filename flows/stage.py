"""The flow ``stage``: turn a source of recordings into a staged data set."""

from typing import Annotated, Literal

from prefect import flow
from pydantic import Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.data.sources import SourceOptions
from acento.data.splits import SplitBy
from tasks.policy import take
from tasks.stage import StagedReference, stage_source

NonEmpty = Annotated[str, Field(min_length=1)]


@flow(name="stage", flow_run_name="stage {name}", persist_result=False, result_serializer="json")
def stage(
    source: NonEmpty,
    name: NonEmpty,
    language: str | None = None,
    seed: int | None = None,
    split_by: SplitBy | None = None,
    write_splits: bool = False,
    revision: NonEmpty | None = None,
    config: NonEmpty | None = None,
    source_split: NonEmpty | None = None,
    audio_column: NonEmpty | None = None,
    text_column: NonEmpty | None = None,
    encoding: NonEmpty | None = None,
    channel: Literal["0", "1", "split", "mix"] | None = None,
    into_split: Literal["train", "dev", "test"] | None = None,
    max_duration: Annotated[float, Field(gt=0)] | None = None,
    allow_pipes: bool = False,
) -> StagedReference:
    """Stage a source of recordings as a data set; run again, it adds what is new and moves nothing.

    Args:
        source: a folder, list, corpus, archive or address of recordings with transcripts, or a hub's data set
        name: the data set's name in the store
        language: code of the language spoken, such as es
        seed: seed of the splits; fixed by the data set's first version
        split_by: what keeps clips in one split, auto (speaker, else prompt), speaker or prompt
        write_splits: also write the splits back beside the source as CSV files
        revision: of a Hugging Face data set, a branch, tag or commit
        config: of a Hugging Face data set, which of its configurations
        source_split: take only this split of the source, by the source's own name for it
        audio_column: column with the recordings, where the usual names are not used
        text_column: column with the transcripts, where the usual names are not used
        encoding: of lists and transcripts that are not UTF-8 and have no byte order mark, such as latin-1
        channel: of recordings with several channels, 0 or 1, split (each is a clip of its own) or mix
        into_split: the split of all clips for which the source names none
        max_duration: longest recording in seconds; longer ones are left out
        allow_pipes: run the commands that a Kaldi wav.scp holds instead of paths
    """
    options = SourceOptions(
        revision=revision,
        config=config,
        source_split=source_split,
        audio_column=audio_column,
        text_column=text_column,
        encoding=encoding,
        channel=channel,
        into_split=into_split,
        allow_pipes=allow_pipes,
    )
    return take(stage_source, source, name, language, seed, split_by, write_splits, max_duration, options)
