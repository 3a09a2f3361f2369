"""What is asked where texts are scored that are there already: those of others, or of a run."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from acento.requests.base import NonEmpty, Option, Request

Format = Literal["jsonl", "csv", "tsv", "kaldi", "trn", "stm", "ctm", "rttm", "seglst"]
_OF_A_RUN = ("run", "normalizer", "language", "job_id")


class ScoreRequest(Request):
    """Files of references and hypotheses to be scored, or a run to be scored again."""

    heading_format = "score {0.title}"

    run: Annotated[NonEmpty | None, Option(argument=True)] = Field(
        None, description="A run to be scored again, its id or latest; it needs no model."
    )
    references: NonEmpty | None = Field(
        None, description="The file with what was said; not needed where the hypotheses' files have it, too."
    )
    hypotheses: list[NonEmpty] = Field([], description="A file with what a system wrote. Repeatable.")
    normalizer: list[NonEmpty] = Field(
        [], description="How texts are made comparable; default: by the language. Repeatable: a board for each."
    )
    language: NonEmpty | None = Field(
        None, description="The texts' language, such as es; default: what the files or the run say."
    )
    names: Annotated[list[NonEmpty], Option("--name")] = Field(
        [], description="What a system is called; default: its file's name. Repeatable, in the order of the files."
    )
    dataset: Annotated[NonEmpty | None, Option("--dataset", "-d")] = Field(
        None, description="What the references are called; default: their file's name."
    )
    split: NonEmpty = Field("test", description="The split that they are of.")
    format: Format | None = Field(None, description="Of the files; default: by their endings or contents.")
    hypotheses_format: Format | None = Field(None, description="Of the hypotheses, where it is another.")
    id_column: NonEmpty | None = Field(None, description="The key or column of the ids; default: a usual one.")
    reference_column: NonEmpty | None = Field(None, description="The key or column of the references.")
    hypothesis_column: NonEmpty | None = Field(None, description="The key or column of the hypotheses.")
    speaker_column: NonEmpty | None = Field(None, description="The key or column of the speakers.")
    speakers: NonEmpty | None = Field(None, description="A file with an id and its speaker a line (Kaldi's utt2spk).")
    missing: Literal["refuse", "empty", "drop"] = Field(
        "refuse", description="A reference without a hypothesis: refuse, score an empty one, or leave it out."
    )
    extra: Literal["refuse", "drop"] = Field(
        "refuse", description="A hypothesis without a reference: refuse, or leave it out."
    )
    alternations: Annotated[bool | None, Option("--alternations/--no-alternations")] = Field(
        None, description="References have { a / b } and (word) as sclite's do; default: those in trn, STM and CTM."
    )
    by_file_name: bool = Field(False, description="Ids are paths of recordings; only the file's name counts.")
    collar: float = Field(
        0.0, ge=0, description="Seconds on each side of a speaker's turn that DER and JER do not score."
    )
    skip_overlap: bool = Field(False, description="DER and JER leave out what several speak at once.")
    word_collar: float = Field(5.0, ge=0, description="Seconds that a word may lie off in tcpWER.")
    job_id: NonEmpty | None = Field(None, description="The new run's name; made from the time if not given.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScoreRequest":
        if self.run is None and not self.hypotheses:
            raise ValueError(
                "There is nothing to score: give --hypotheses FILE, with --references FILE, or the id of a run"
            )
        changed = (name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default)
        if self.run is not None and (others := [name for name in changed if name not in _OF_A_RUN]):
            raise ValueError(f"A run is scored as it is: {self.option(others[0]).spelled(others[0])[0]} is for files")
        return self

    @property
    def title(self) -> str:
        """What is scored."""
        return self.run or ", ".join(self.hypotheses)
