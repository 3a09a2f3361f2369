"""Files of references and hypotheses as systems to be scored: named, matched, and with what is known of their speed."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint, fingerprint_rows, sha256
from acento.core.text import Normalizer, normalizer_for
from acento.core.text.language import resolve_language
from acento.scoring.boards.leaderboard import Leaderboard, rank
from acento.scoring.entry import Entry, Speed
from acento.scoring.files import WITH_ALTERNATIVES, read_transcripts
from acento.scoring.files.conversations import WITHOUT_IDS, by_recording, paired_recordings, side_of, tells_speakers
from acento.scoring.files.pairing import Extra, Missing, Paired, pair, speakers_of, with_own_references
from acento.scoring.files.transcript import BY_NAME, Columns, Transcripts
from acento.scoring.score import Score, score_utterances, summarize
from acento.scoring.speakers.score import DEFAULTS as SPEAKER_DEFAULTS
from acento.scoring.speakers.score import SpeakerOptions, SpeakerScore, speaker_score
from acento.scoring.speakers.spoken import Conversations, matched
from acento.scoring.statistics.bootstrap import ratio_interval

_OPEN_ASR = re.compile(r"MODEL_(?P<owner>[^-]+)-(?P<model>.+?)_DATASET_(?P<dataset>.+)")
"""How the Open ASR leaderboard names its manifests (``write_manifest`` of its ``normalizer/eval_utils.py``)."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How files of transcripts are read and matched."""

    names: Sequence[str] = ()
    """What the systems are called, in the order of their files; else they are named by the files."""
    dataset: str | None = None
    """What the references are called."""
    split: str = "test"
    format: str | None = None
    """The format of all files; by their ending or content if it is not given."""
    hypotheses_format: str | None = None
    columns: Columns = BY_NAME
    speakers: Path | None = None
    """A file with the speaker of each id, as Kaldi's ``utt2spk``."""
    missing: Missing = "refuse"
    extra: Extra = "refuse"
    alternations: bool | None = None
    """Whether references have ``{ a / b }`` and ``(word)``; None: those in formats of NIST have."""
    language: str | None = None
    by_file_name: bool = False
    """Whether ids are paths of recordings, of which only the names count."""
    speaker_options: SpeakerOptions = SPEAKER_DEFAULTS
    """How speakers are scored, where files say who speaks when."""


DEFAULTS = FileOptions()


@dataclass(frozen=True, slots=True)
class System:
    """What one system wrote, matched with the references."""

    model: str
    dataset: str
    dataset_fingerprint: str
    """Of ids and references: systems with the same share a board, in whatever format they came."""
    split: str
    language: str | None
    """As it was given, or as all references name it."""
    alternations: bool
    references: Transcripts
    hypotheses: Transcripts
    paired: Paired
    conversations: Conversations | None = None
    """Who speaks when and says what, where both files tell it."""
    speaker_options: SpeakerOptions = SPEAKER_DEFAULTS

    def normalizer(self, name: str | None) -> Normalizer:
        """Return the preset of a name, or the default of the language."""
        return normalizer_for(name, self.language)

    def entry(self, score: Score, run: str, when: datetime, speakers: SpeakerScore | None = None) -> Entry:
        """Return what the system puts on a leaderboard; there is no model, so the file's hash stands for it."""
        return Entry(
            model=self.model,
            revision=None,
            model_hash=self.hypotheses.file.sha256,
            dataset=self.dataset,
            dataset_fingerprint=self.dataset_fingerprint,
            split=self.split,
            limit=None,
            score=score,
            speed=_speed(self.paired.times),
            run=run,
            when=when,
            speakers=speakers,
        )


def read_systems(references: Path | None, hypotheses: Sequence[Path], options: FileOptions) -> list[System]:
    """Read the references and each file of hypotheses, and match their ids.

    Without ``references`` each file of hypotheses has them, too.

    Raises:
        InputError: a file cannot be read, ids do not match, or an option is none; the sentence names file and line.
    """
    if options.language is not None:
        resolve_language(options.language)
    if not hypotheses:
        raise InputError("There is nothing to score: name a file of hypotheses.")
    if options.names and len(options.names) != len(hypotheses):
        raise InputError(
            f"Give a name for each file of hypotheses: names {len(options.names)}, files {len(hypotheses)}."
        )
    for path, times in Counter(hypotheses).items():
        if times > 1:
            raise InputError(f"{path} is given twice: give each file of hypotheses once.")
    named = [*zip(options.names or _names(hypotheses), hypotheses, strict=True)]
    for name, times in Counter(name for name, _ in named).items():
        if times > 1 and references is not None:
            raise InputError(f"Two systems are called {name!r}: give each a name of its own.")
    speakers = None if options.speakers is None else speakers_of(read_transcripts(options.speakers))
    said = None if references is None else read_transcripts(references, options.format, options.columns)
    systems = []
    for name, path in named:
        heard = read_transcripts(path, options.hypotheses_format or options.format, options.columns)
        one, other = with_own_references(heard) if said is None else (said, heard)
        marked = options.alternations if options.alternations is not None else one.format in WITH_ALTERNATIVES
        both = _conversations(one, other, options, marked)
        whole = both is not None and by_recording(one, other)
        if both is not None and whole:
            paired = paired_recordings(both, options.split)
        else:
            paired = pair(
                one,
                other,
                missing=options.missing,
                extra=options.extra,
                alternatives=marked,
                speakers=speakers,
                split=options.split,
                by_file_name=options.by_file_name,
            )
        language = options.language or (paired.languages[0] if len(paired.languages) == 1 else None)
        dataset = options.dataset or _dataset(path if references is None else references)
        found = fingerprint_of(paired, both if whole else None)
        system = System(name, dataset, found, options.split, language, marked and not whole, one, other, paired)
        systems.append(replace(system, conversations=both, speaker_options=options.speaker_options))
    return systems


def _conversations(one: Transcripts, other: Transcripts, options: FileOptions, marked: bool) -> Conversations | None:
    """Return what both files say of who speaks; None where one says nothing, or the second only what the first says."""
    sides = [
        side_of(file, alternations=marked and file is one, by_file_name=options.by_file_name) for file in (one, other)
    ]
    if sides[0] is None or sides[1] is None:
        for file, told, beside in ((one, sides[1], other), (other, sides[0], one)):
            if beside.format in WITHOUT_IDS and told is not None:
                raise InputError(
                    f"{beside.name} says who speaks when, and {file.name} ({file.format}) does not: score it against "
                    "RTTM, STM, SegLST, or CTM with a speaker in the eighth field."
                )
        return None
    if not tells_speakers(one, other):
        return None
    return matched(sides[0], sides[1], missing=options.missing, extra=options.extra)


def score_files(
    references: str | Path | None,
    hypotheses: str | Path | Sequence[str | Path],
    *,
    normalizer: str | None = None,
    options: FileOptions = DEFAULTS,
) -> Leaderboard:
    """Score files of hypotheses against a file of references, and rank them; nothing is kept.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     said, heard = Path(folder, "said.trn"), Path(folder, "heard.trn")
    ...     _ = said.write_text("el perro { come / se come } pan (ana-1)\\n", encoding="utf-8")
    ...     _ = heard.write_text("el gato come pan (ana-1)\\n", encoding="utf-8")
    ...     board = score_files(said, heard, normalizer="basic")
    >>> board.boards[0].rows[0].entry.model, board.boards[0].rows[0].entry.score.overall.wer.value
    ('heard', 0.25)

    Args:
        references: JSONL, CSV, TSV, Kaldi ``text``, trn, STM, CTM, SegLST or RTTM; None where each file of hypotheses
            has them, too.
        hypotheses: one or several such files; ids must match the references' one to one.
        normalizer: how both are made comparable; by default that of the language.
        options: how files are read and matched.

    Raises:
        InputError: a file cannot be read, ids do not match, or there is no such normalizer.
    """
    given = [hypotheses] if isinstance(hypotheses, str | Path) else [*hypotheses]
    now = datetime.now(UTC)
    tables: dict[int, pa.Table] = {}
    entries = []
    for system in read_systems(None if references is None else Path(references), [*map(Path, given)], options):
        rule = system.normalizer(normalizer)
        table = score_utterances(system.paired.results, rule)
        told = system.conversations
        speakers = None if told is None else speaker_score(told, rule, system.speaker_options)
        entries.append(system.entry(summarize(table, rule), "", now, speakers))
        tables[id(entries[-1])] = table
    return rank(entries, lambda entry: tables[id(entry)])


def fingerprint_of(paired: Paired, both: Conversations | None) -> str:
    """Return the fingerprint of the references; of recordings with all that is known of who speaks when in them."""
    rows = (
        sha256("\x00".join([one.id, one.reference or "", str(one.alternatives)]).encode()) for one in paired.results
    )
    facts: dict[str, Any] = {"references": fingerprint_rows(rows)}
    if both is not None:
        facts["spoken"] = {name: [asdict(one) for one in found] for name, found in both.reference.recordings.items()}
    return fingerprint(facts)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: the model of a leaderboard's manifest, else as much of the path as tells them apart.

    >>> _names([Path("out/tiny/text"), Path("out/base/text")])
    ['tiny/text', 'base/text']
    >>> _names([Path("tiny.jsonl"), Path("tiny.txt")])
    ['tiny.jsonl', 'tiny.txt']
    >>> _names([Path("MODEL_openai-whisper-tiny_DATASET_ami_test.jsonl")])
    ['openai/whisper-tiny']
    """
    manifests = [_OPEN_ASR.fullmatch(path.stem) for path in paths]
    if all(manifests):
        return [f"{found['owner']}/{found['model']}" for found in manifests if found]
    beside = Counter(path.with_suffix("") for path in paths)
    last = [path.stem if beside[path.with_suffix("")] == 1 else path.name for path in paths]
    names = last
    for deep in range(1, max(len(path.parts) for path in paths)):
        if len({*names}) == len(names):
            break
        names = ["/".join([*path.parent.parts[-deep:], end]) for path, end in zip(paths, last, strict=True)]
    return names


def _dataset(path: Path) -> str:
    found = _OPEN_ASR.fullmatch(path.stem)
    return found["dataset"] if found else path.stem


def _speed(times: Sequence[tuple[float, float]]) -> Speed | None:
    """Return audio seconds over the seconds that a manifest says the transcription took; nobody knows on what."""
    if not times:
        return None
    audio, took = zip(*times, strict=True)
    bounds = ratio_interval(audio, took)
    return Speed(
        rtfx=sum(audio) / sum(took),
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        inference_s=sum(took),
        conditions=None,
    )
