"""Score texts that are there already: what others made, from files, or a run's, by another normalizer."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from acento.api.session import options_of, session
from acento.core.store import Store
from acento.core.text import normalizer as find_normalizer
from acento.registry.runs.records import Finished
from acento.registry.runs.rescoring import keep, rescore
from acento.requests import ScoreRequest
from acento.scoring.boards.leaderboard import Leaderboard
from acento.scoring.files.systems import FileOptions, read_systems
from acento.scoring.files.transcript import Columns
from acento.scoring.speakers.score import SpeakerOptions


@options_of(ScoreRequest, "run", "references", "hypotheses")
def score(
    run: str | None = None,
    *,
    references: "str | PathLike[str] | None" = None,
    hypotheses: "str | PathLike[str] | Sequence[str | PathLike[str]]" = (),
    **options: Any,
) -> Leaderboard:
    """Score what any system wrote against references, or the texts of a run again by another normalizer.

    The scores are kept in the store as a run, beside those of benchmarks.

    >>> from pathlib import Path
    >>> _ = Path("said.csv").write_text("id,text\\n1,hola po\\n2,¿cachái?\\n", encoding="utf-8")
    >>> _ = Path("heard.csv").write_text("id,text\\n1,hola\\n2,cachái\\n", encoding="utf-8")
    >>> board = score(references="said.csv", hypotheses="heard.csv", language="es", normalizer=["basic"])
    >>> board.boards[0].rows[0].entry.score.overall.words
    ErrorCounts(substitutions=0, insertions=0, deletions=1, hits=2)

    Args:
        run: a run to be scored again, its id or ``latest``.
        references: a file with what was said: JSONL, CSV, TSV, Kaldi's ``text``, trn, STM, CTM or SegLST; or with
            who speaks when: RTTM. Where both files name speakers these are scored, too: DER, JER, cpWER, tcpWER and
            ORC-WER, in ``entry.speakers``.
        hypotheses: one or several files with what systems wrote.
        options: see below.

    Raises:
        InputError: a file cannot be read, ids do not match, or there is no such run or normalizer.
    """
    files = [hypotheses] if isinstance(hypotheses, str | PathLike) else [*hypotheses]
    given = {"run": run, "references": references and str(references), "hypotheses": [*map(str, files)]}
    if isinstance(named := options.get("normalizer"), str):
        options["normalizer"] = [named]
    request = ScoreRequest.of(**given, **options)
    with session("score") as store:
        return run_score(store, request).leaderboard


def run_score(store: Store, request: ScoreRequest) -> Finished:
    """Score what a request names, and keep it as a run."""
    for name in request.normalizer:
        find_normalizer(name)
    job_id = request.job_id
    if request.run is not None:
        return rescore(store, request.run, request.normalizer, language=request.language, job_id=job_id)
    options = FileOptions(
        names=request.names,
        dataset=request.dataset,
        split=request.split,
        format=request.format,
        hypotheses_format=request.hypotheses_format,
        columns=Columns(request.id_column, request.reference_column, request.hypothesis_column, request.speaker_column),
        speakers=_path(request.speakers),
        missing=request.missing,
        extra=request.extra,
        alternations=request.alternations,
        language=request.language,
        by_file_name=request.by_file_name,
        speaker_options=SpeakerOptions(
            collar=request.collar, skip_overlap=request.skip_overlap, word_collar=request.word_collar
        ),
    )
    systems = read_systems(_path(request.references), [Path(one).expanduser() for one in request.hypotheses], options)
    asked = request.model_dump(mode="json", exclude={"run", "job_id", "dataset", "split"})
    return keep(store, systems, request.normalizer, asked=asked, job_id=job_id)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name).expanduser()
