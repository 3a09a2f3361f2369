"""Files that say who speaks when: their recordings as scores of speakers take them, and as rows to be paired."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from acento.data.sources.transcripts.nist import clean
from acento.scoring.files.pairing import Paired, file_name
from acento.scoring.files.transcript import Transcripts
from acento.scoring.score import UtteranceResult
from acento.scoring.speakers.spoken import Conversations, Side, Spoken

WITHOUT_IDS = ("rttm", "seglst")
"""Formats whose segments are a system's own: their ids are no one else's."""


def side_of(transcripts: Transcripts, *, alternations: bool = False, by_file_name: bool = False) -> Side | None:
    """Return a file's recordings; None where it does not say of all that it has who speaks when.

    Channels of a recording are one conversation.

    Args:
        transcripts: of a format with times.
        alternations: whether texts hold what NIST's references do: of alternatives the first is taken.
        by_file_name: whether names are paths, of which only the last part counts, without its ending.
    """
    recordings: dict[str, list[Spoken]] = defaultdict(list)
    ignored: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def named(recording: str) -> str:
        return file_name(recording) if by_file_name else recording

    if transcripts.words:
        for word in transcripts.words:
            if word.speaker is None:
                return None
            recordings[named(word.recording)].append(Spoken(word.begin, word.end, word.speaker, word.text))
    elif transcripts.segments:
        for row, segment in zip(transcripts.rows, transcripts.segments, strict=True):
            name = named(segment.recording)
            if row.speaker is None:
                return None
            if row.text is None and transcripts.format == "stm":
                recordings[name] += ()
                ignored[name].append((segment.begin, segment.end))
                continue
            text = clean(row.text) if alternations and row.text is not None else row.text
            recordings[name].append(Spoken(segment.begin, segment.end, row.speaker, text))
    else:
        return None
    return Side(transcripts.name, dict(recordings), dict(ignored))


def by_recording(references: Transcripts, hypotheses: Transcripts) -> bool:
    """Tell whether two files with speakers have utterances of their own, so that only recordings can be paired.

    Segments of an STM file cut the words of a CTM file. Two STM files are paired by segments where the hypotheses have
    at least half of the references'.
    """
    if hypotheses.words:
        return references.format in WITHOUT_IDS
    ids = {row.id for row in references.rows}
    return 2 * len(ids & {row.id for row in hypotheses.rows}) < len(ids) or references.format in WITHOUT_IDS


def tells_speakers(references: Transcripts, hypotheses: Transcripts) -> bool:
    """Tell whether the hypotheses say anything of who speaks: not where segments and speakers are the references'."""
    if not hypotheses.segments or hypotheses.format in WITHOUT_IDS:
        return True
    said = {(row.id, row.speaker) for row in references.rows}
    return any((row.id, row.speaker) not in said for row in hypotheses.rows)


def paired_recordings(both: Conversations, split: str, lengths: Mapping[str, float] | None = None) -> Paired:
    """Return an utterance for each recording: the words of either side in the order in which they begin.

    ``lengths`` are the seconds of recordings, where they are known.
    """
    results = [
        UtteranceResult(
            id=name,
            reference=_text(said) if both.reference.has_text else None,
            hypothesis=_text(both.hypothesis.recordings[name]),
            error=None,
            split=split,
            speaker=None,
            accent=None,
            duration_s=(lengths or {}).get(name),
        )
        for name, said in both.reference.recordings.items()
    ]
    return Paired(tuple(results), languages=(), extra=0, times=())


def _text(spoken: Sequence[Spoken]) -> str:
    ordered = sorted(spoken, key=lambda one: (one.start, one.end))
    return " ".join(one.text for one in ordered if one.text)
