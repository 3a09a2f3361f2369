"""``acento benchmark --diarize``: models and diarizers on folders of recordings with references of who says what."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from acento.api.carrying import Carry
from acento.api.recordings.transcribing import TranscribedBatch, run_steps
from acento.core.errors import AcentoError, InputError
from acento.core.fingerprint import sha256
from acento.core.store import Store
from acento.data.document import Document
from acento.data.recordings.inputs import find_inputs
from acento.registry.runs.records import Finished
from acento.registry.runs.rescoring import keep
from acento.requests import BenchmarkRequest, TranscribeRequest
from acento.scoring.files import read_transcripts
from acento.scoring.files.conversations import paired_recordings, side_of
from acento.scoring.files.reading import TextFile
from acento.scoring.files.systems import System, fingerprint_of
from acento.scoring.files.transcript import Transcripts
from acento.scoring.score import UtteranceResult
from acento.scoring.speakers.spoken import Side, Spoken, matched
from acento.transcription.batch import Row
from acento.transcription.outputs import document_of_row

_log = logging.getLogger(__name__)

_REFERENCES = ("stm", "rttm", "seglst")
_NOBODY = "<NA>"
_SHARED = ("language", "num_requests", "gpu_batch_size", "device", "dtype", "beam_size", "temperatures", "window",
           "window_s", "threads", "engine", "quantization", "compute")  # fmt: skip
"""What a benchmark and a transcription ask for alike."""


class Measured(BaseModel, frozen=True):
    """What a model and a diarizer made of a folder."""

    folder: str
    name: str
    """The model and the diarizer, as the board calls them."""
    done: TranscribedBatch


def run_speaker_benchmark(request: BenchmarkRequest, carry: Carry) -> Finished:
    """Transcribe and diarize the recordings of every folder by every model and diarizer, score them and keep a run.

    A model that cannot be used is left out, with the reason, unless none is left.
    """
    named = {folder: recordings_in(folder) for folder in request.datasets}
    measured, left_out = [], dict[str, str]()
    for folder, paths in named.items():
        for model in request.models:
            for diarizer in request.diarizers:
                name = f"{model} ({diarizer})"
                asked = {field: value for field in _SHARED if (value := getattr(request, field)) is not None}
                wanted = TranscribeRequest.of(
                    paths=paths, model=model, formats=[], diarize=True, diarizer=diarizer, **asked
                )
                try:
                    measured.append(Measured(folder=folder, name=name, done=run_steps(wanted, carry)))
                except AcentoError as error:
                    if not measured and len(request.models) * len(request.diarizers) * len(named) == len(left_out) + 1:
                        raise
                    left_out[name] = str(error)
    return carry(publish_speaker_run, request, measured, left_out)


def publish_speaker_run(
    store: Store, request: BenchmarkRequest, measured: Sequence[Measured], left_out: Mapping[str, str]
) -> Finished:
    """Score what was made of every folder, and keep it as a run."""
    systems = [_system(store, one, request) for one in measured]
    normalizers = [] if request.normalizer is None else [request.normalizer]
    asked = request.model_dump(mode="json", exclude={"models", "datasets", "split", "job_id"})
    finished = keep(store, systems, normalizers, asked=asked, job_id=request.job_id)
    return replace(finished, leaderboard=replace(finished.leaderboard, left_out=left_out))


def recordings_in(folder: str) -> list[str]:
    """Return the recordings of a folder that its references name.

    Raises:
        InputError: it is no folder, has no references, or these are of other recordings.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(f"{folder} is no folder: with --diarize name one that has recordings and their .stm or .rttm.")
    said = _references(root).recordings
    inputs = find_inputs([str(root)])
    found = [one.location for one in inputs if _stem(one.name) in said]
    if not found:
        heard, known = (", ".join(sorted(names)[:3]) for names in ({_stem(one.name) for one in inputs}, {*said}))
        raise InputError(
            f"The references in {folder} are of {known}, its recordings are {heard}: give both equal names."
        )
    if silent := sorted(said.keys() - {_stem(one.name) for one in inputs}):
        _log.warning("%s has no recording of %s, which its references name.", folder, ", ".join(silent[:3]))
    return found


def _references(root: Path) -> Side:
    """Return what the files of references in a folder say; RTTM tells who speaks when where STM tells the words."""
    recordings: dict[str, Sequence[Spoken]] = {}
    turns: dict[str, Sequence[Spoken]] = {}
    ignored: dict[str, Sequence[tuple[float, float]]] = {}
    for path in sorted(one for format in _REFERENCES for one in root.rglob(f"*.{format}")):
        read = read_transcripts(path)
        side = side_of(read, alternations=read.format == "stm", by_file_name=True)
        if side is None:
            raise InputError(f"{path} does not say who speaks.")
        (turns if read.format == "rttm" else recordings).update(side.recordings)
        ignored.update(side.ignored)
    if not recordings and not turns:
        raise InputError(f"{root} has no references: put an .stm or .rttm file beside the recordings.")
    return Side(str(root), recordings or turns, ignored, turns)


def _system(store: Store, one: Measured, request: BenchmarkRequest) -> System:
    """Return a model and a diarizer as what others wrote is scored."""
    rows = {_stem(row.file): row for row in one.done.ledger}
    failed = {name: row for name, row in rows.items() if row.state not in ("done", "skipped")}
    documents = {name: document_of_row(store, one.done.batch, row) for name, row in rows.items() if name not in failed}
    root = Path(one.folder).expanduser()
    said = _references(root)
    kept = {name: found for name, found in said.recordings.items() if name in documents}
    heard = Side(
        one.name,
        {name: _words(document) for name, document in documents.items()},
        turns={name: _turns(document) for name, document in documents.items()},
    )
    both = matched(replace(said, recordings=kept), heard)
    lengths = {name: document.duration_s for name, document in documents.items()}
    paired = paired_recordings(both, request.split, lengths)
    times = tuple((row.seconds, row.inference_s) for row in rows.values() if row.seconds and row.inference_s)
    paired = replace(
        paired,
        results=(*paired.results, *(_failure(row, name, request.split) for name, row in failed.items())),
        times=times if len(times) == len(rows) else (),
    )
    text = "\n".join(f"{name} {document.text} {document.turns}" for name, document in documents.items())
    return System(
        model=one.name,
        dataset=root.name,
        dataset_fingerprint=fingerprint_of(paired, both),
        split=request.split,
        language=request.language or _language(documents.values()),
        alternations=False,
        references=Transcripts(TextFile(root, "", sha256(repr(kept).encode())), "stm", ()),
        hypotheses=Transcripts(TextFile(Path(one.name), "", sha256(text.encode())), "documents", ()),
        paired=paired,
        conversations=both,
    )


def _words(document: Document) -> list[Spoken]:
    return [
        Spoken(word.start, max(word.start, word.end), word.speaker or passage.speaker or _NOBODY, word.text)
        for passage in document.passages
        for word in passage.words
    ] or [Spoken(passage.start, passage.end, passage.speaker or _NOBODY, passage.text) for passage in document.passages]


def _turns(document: Document) -> list[Spoken]:
    return [Spoken(turn.start, turn.end, turn.speaker) for turn in document.turns]


def _failure(row: Row, name: str, split: str) -> UtteranceResult:
    return UtteranceResult(name, None, None, row.sentence or row.state, split, None, None, row.seconds)


def _language(documents: Iterable[Document]) -> str | None:
    found = {document.language for document in documents}
    return found.pop() if len(found) == 1 else None


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
