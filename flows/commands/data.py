"""The verb ``stage``, which makes a data set."""

from typing import Annotated, Literal

import typer

from flows import terminal
from flows.commands.working import working

Source = Annotated[
    str,
    typer.Argument(
        help="A folder of clips with their transcripts, a list (.csv, .tsv, .jsonl), a corpus (Kaldi, LibriSpeech, …), "
        "a transcript with times (.srt, .eaf, …), an archive or address of any of these, or a Hugging Face data set "
        "(owner/name). docs/how-to/data.md and docs/how-to/layouts.md have them all."
    ),
]
Name = Annotated[str, typer.Option("--name", help="What to call the data set.")]
Language = Annotated[str | None, typer.Option("--language", help="Language spoken, such as es.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the splits; fixed by the first version.")]
SplitBy = Annotated[
    Literal["auto", "speaker", "prompt"] | None,
    typer.Option("--split-by", help="What keeps clips in one split: the speaker, the prompt; auto: the best known."),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Of a Hugging Face data set: branch, tag or commit.")]
Config = Annotated[str | None, typer.Option("--config", help="Of a Hugging Face data set: which configuration.")]
SourceSplit = Annotated[str | None, typer.Option("--source-split", help="Take only this split of the source.")]
AudioColumn = Annotated[str | None, typer.Option("--audio-column", help="Column with the recordings, of a table.")]
TextColumn = Annotated[str | None, typer.Option("--text-column", help="Column with the transcripts, of a table.")]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Of lists and transcripts that are not UTF-8, such as latin-1.")
]
Channel = Annotated[
    Literal["0", "1", "split", "mix"] | None,
    typer.Option("--channel", help="Of stereo recordings: one channel, each as a clip of its own (split), or mix."),
]
IntoSplit = Annotated[
    Literal["train", "dev", "test"] | None,
    typer.Option("--into-split", help="Split of all clips for which the source names none."),
]
MaxDuration = Annotated[
    float | None, typer.Option("--max-duration", min=0.1, help="Leave out recordings longer than this, in seconds.")
]
AllowPipes = Annotated[
    bool, typer.Option("--allow-pipes", help="Run the commands in a Kaldi wav.scp; without it they are refused.")
]
WriteSplits = Annotated[bool, typer.Option("--write-splits", help="Write the splits back as CSV beside the source.")]


def stage(
    source: Source,
    name: Name,
    language: Language = None,
    seed: Seed = None,
    split_by: SplitBy = None,
    write_splits: WriteSplits = False,
    revision: Revision = None,
    config: Config = None,
    source_split: SourceSplit = None,
    audio_column: AudioColumn = None,
    text_column: TextColumn = None,
    encoding: Encoding = None,
    channel: Channel = None,
    into_split: IntoSplit = None,
    max_duration: MaxDuration = None,
    allow_pipes: AllowPipes = False,
    verbose: terminal.Verbose = False,
) -> None:
    """Turn a source of recordings into a staged data set, or add what is new to one."""
    from acento.core.duration import duration

    with working("stage", name):
        from flows.stage import stage as stage_flow

        staged = stage_flow(
            source,
            name,
            language,
            seed,
            split_by,
            write_splits,
            revision,
            config,
            source_split,
            audio_column,
            text_column,
            encoding,
            channel,
            into_split,
            max_duration,
            allow_pipes,
        )

    left_out = ", ".join(f"{reason} {count}" for reason, count in staged.rejected.items())
    facts: list[tuple[str, object]] = [
        ("data set", staged.title if staged.new_version else f"{staged.title} (cached: nothing new)"),
        ("found", staged.found),
        ("staged now", staged.staged_now),
        ("already there", staged.already_there),
        ("rejected", f"{sum(staged.rejected.values())} ({left_out})" if left_out else 0),
        ("clips", f"{staged.clips}, {duration(staged.seconds)}"),
        ("splits", ", ".join(f"{split} {clips}" for split, clips in staged.splits.items())),
        *(("note", note) for note in staged.notes),
        *(("splits written to", path) for path in staged.split_lists),
        ("path", f"{staged.store}/{staged.key}"),
    ]
    terminal.print_facts(facts)
