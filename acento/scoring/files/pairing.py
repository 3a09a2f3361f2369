"""References and hypotheses matched one to one by id; what is missing, extra or there twice is named."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from acento.core.errors import InputError
from acento.scoring.counting.alternatives import has_alternatives, parse
from acento.scoring.files.timed import cut
from acento.scoring.files.transcript import Row, Transcripts
from acento.scoring.score import UtteranceResult

Missing = Literal["refuse", "empty", "drop"]
"""What becomes of a reference without a hypothesis: none is scored, it counts as an empty one, or it is left out."""
Extra = Literal["refuse", "drop"]
"""What becomes of a hypothesis without a reference."""

_SHOWN = 5
_AUDIO = re.compile(r"\.(wav|flac|mp3|ogg|opus|m4a|aac|wma|sph|webm|mp4)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paired:
    """The utterances of one system, ready to be scored."""

    results: tuple[UtteranceResult, ...]
    languages: tuple[str, ...]
    """The languages that the references name, sorted."""
    extra: int
    """Hypotheses that have no reference and were left out."""
    times: tuple[tuple[float, float], ...]
    """Audio seconds and transcription seconds of each utterance, where the hypotheses say both of every one."""


def pair(
    references: Transcripts,
    hypotheses: Transcripts,
    *,
    missing: Missing = "refuse",
    extra: Extra = "refuse",
    alternatives: bool = False,
    speakers: Mapping[str, str] | None = None,
    split: str = "test",
    by_file_name: bool = False,
) -> Paired:
    """Match the rows of two files, or of one that has both, by id.

    A hypothesis that is null (or NaN) is a missing one; a reference that is null is not scored. Words of a CTM file are
    cut by the segments of an STM file.

    Args:
        references: of which the text counts.
        hypotheses: of which the prediction counts where there is one, else the text.
        missing: what becomes of references without a hypothesis.
        extra: what becomes of hypotheses without a reference.
        alternatives: whether references hold alternations and optional words as sclite's do.
        speakers: the speaker of each id, where the references do not say it.
        split: what the utterances are called together.
        by_file_name: whether ids are paths of recordings, of which only the names count, without their endings.

    Raises:
        InputError: an id is there twice, the ids do not match, or a reference's alternations are not balanced.
    """
    if references.segments and hypotheses.words:
        hypotheses = cut(hypotheses, references)
    said, heard = _by_id(references, by_file_name), _by_id(hypotheses, by_file_name)
    if not said.keys() & heard.keys():
        hint = "; --by-file-name takes ids for paths" if {*map(file_name, said)} & {*map(file_name, heard)} else ""
        raise InputError(
            f"{references.name} and {hypotheses.name} have no id in common: the first has {next(iter(said))!r}, "
            f"the second {next(iter(heard))!r}{hint}."
        )
    use_prediction = hypotheses.has_predictions
    texts = {id_: row.prediction if use_prediction else row.text for id_, row in heard.items() if id_ in said}
    without = [id_ for id_ in said if texts.get(id_) is None]
    if without and missing == "refuse":
        raise InputError(
            f"{_count(without, said, 'reference')} no hypothesis in {hypotheses.name}: {_listed(without)}. "
            "--missing empty scores them as if nothing was written, --missing drop leaves them out."
        )
    beyond = [id_ for id_ in heard if id_ not in said]
    if beyond and extra == "refuse":
        raise InputError(
            f"{_count(beyond, heard, 'hypothesis', 'hypotheses')} no reference in {references.name}: "
            f"{_listed(beyond)}. --extra drop leaves them out."
        )
    absent = None if missing == "empty" else f"missing: there is no hypothesis in {hypotheses.name}"
    results = []
    for id_, row in said.items():
        text = texts.get(id_)
        marked = alternatives and row.text is not None and has_alternatives(row.text)
        if marked:
            _check(references, row)
        results.append(
            UtteranceResult(
                id=id_,
                reference=row.text,
                hypothesis="" if text is None and absent is None else text,
                error=absent if text is None else None,
                split=split,
                speaker=row.speaker if speakers is None else speakers.get(id_, row.speaker),
                accent=row.accent,
                duration_s=row.duration_s if row.duration_s is not None or id_ not in heard else heard[id_].duration_s,
                alternatives=marked,
            )
        )
    times = [(row.duration_s, row.time_s) for id_, row in heard.items() if id_ in said]
    return Paired(
        results=tuple(results),
        languages=tuple(sorted({row.language for row in said.values() if row.language is not None})),
        extra=len(beyond),
        times=tuple((audio, took) for audio, took in times if audio and took) if all(map(all, times)) else (),
    )


def speakers_of(transcripts: Transcripts) -> dict[str, str]:
    """Return the speaker of each id: of a column of that name, else, as in Kaldi's ``utt2spk``, what stands as text.

    Raises:
        InputError: an id is there twice, or has no speaker.
    """
    found: dict[str, str] = {}
    for id_, row in _by_id(transcripts).items():
        speaker = row.speaker or row.text
        if not speaker or len(speaker.split()) != 1:
            raise transcripts.file.wrong(row.line, f"{id_!r} needs one word that names its speaker.")
        found[id_] = speaker
    return found


def with_own_references(transcripts: Transcripts) -> tuple[Transcripts, Transcripts]:
    """Return the two sides of a file that has references and predictions.

    Raises:
        InputError: it has only one of them.
    """
    if not transcripts.has_predictions or not transcripts.has_text:
        what = "predictions" if transcripts.has_text else "references"
        raise InputError(f"{transcripts.name} has no {what}: name the file of the references with --references.")
    own = tuple(replace(row, prediction=None, has_prediction=False) for row in transcripts.rows)
    return replace(transcripts, rows=own), transcripts


def _by_id(transcripts: Transcripts, by_file_name: bool = False) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in transcripts.rows:
        id_ = file_name(row.id) if by_file_name else row.id
        if (first := found.setdefault(id_, row)) is not row:
            raise transcripts.file.wrong(row.line, f"id {id_!r} is there already in line {first.line}.")
    return found


def file_name(id_: str) -> str:
    """Return the name of a recording without its folder and its ending.

    >>> file_name("/data/clips/a.1.wav"), file_name("rec-A-0.00-2.00")
    ('a.1', 'rec-A-0.00-2.00')
    """
    return _AUDIO.sub("", id_.replace("\\", "/").rpartition("/")[2])


def _check(references: Transcripts, row: Row) -> None:
    try:
        parse(row.text or "")
    except InputError as error:
        raise references.file.wrong(row.line, str(error)) from None


def _count(some: Sequence[str], of: Iterable[object], what: str, plural: str = "") -> str:
    whole = sum(1 for _ in of)
    return f"{len(some)} of {whole} {plural or what + 's'} {'have' if len(some) != 1 else 'has'}"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
