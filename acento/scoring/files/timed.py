"""NIST's STM, segments with times, and CTM, words with times; and how words are cut by segments."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from acento.scoring.files.reading import TextFile
from acento.scoring.files.transcript import Columns, Row, Segment, Transcripts, Word

_COMMENT = ";;"
_LABEL = re.compile(r"<[^<>\s]*>")
_IGNORED = "IGNORE_TIME_SEGMENT_IN_SCORING"
_STM_FIELDS, _CTM_FIELDS = 5, 5
_CTM_SPEAKER = 7
_NOBODY = ("<na>", "unknown", "")
_ALTERNATIVE = re.compile(r"<alt(_begin|_end)?>", re.IGNORECASE)


def read_stm(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - it has no columns
    """Read ``recording channel speaker begin end [<labels>] words…``; a row's id is made of recording, channel, times.

    A segment IGNORE_TIME_SEGMENT_IN_SCORING has no text.
    """
    rows, segments = [], []
    for number, line in _entries(file):
        fields = line.split(maxsplit=_STM_FIELDS)
        if len(fields) < _STM_FIELDS:
            raise file.wrong(number, "an STM line is: recording channel speaker begin end [<labels>] words.")
        recording, channel, speaker, begin, end = fields[:_STM_FIELDS]
        start, stop = _time(file, number, begin), _time(file, number, end)
        if stop < start:
            raise file.wrong(number, f"the segment ends at {end}, before it begins at {begin}.")
        rest = fields[_STM_FIELDS].strip() if len(fields) > _STM_FIELDS else ""
        if label := _LABEL.match(rest):
            rest = rest[label.end() :].strip()
        id_ = f"{recording}-{channel}-{begin}-{end}"
        segments.append(Segment(id_, recording, channel, start, stop))
        text = None if rest.upper() == _IGNORED else rest
        known = None if speaker.upper() == "<NA>" else speaker
        rows.append(Row(id_, number, text=text, duration_s=stop - start, speaker=known))
    return Transcripts(file, "stm", tuple(rows), segments=tuple(segments))


def read_ctm(file: TextFile, columns: Columns) -> Transcripts:  # noqa: ARG001 - it has no columns
    """Read ``recording channel begin duration word [confidence [type [speaker]]]``.

    The words of a recording's channel make a row.

    A row's id is the recording, with the channel where the recording has more than one.
    """
    words: list[tuple[int, Word]] = []
    for number, line in _entries(file):
        fields = line.split()
        if len(fields) < _CTM_FIELDS:
            raise file.wrong(number, "a CTM line is: recording channel begin duration word [confidence].")
        recording, channel, begin, duration, text = fields[:_CTM_FIELDS]
        if _ALTERNATIVE.fullmatch(text):
            raise file.wrong(number, f"{text} is not read: leave one of the alternatives.")
        start = _time(file, number, begin)
        speaker = fields[_CTM_SPEAKER] if len(fields) > _CTM_SPEAKER else ""
        named = None if speaker.lower() in _NOBODY else speaker
        words.append((number, Word(recording, channel, start, start + _time(file, number, duration), text, named)))
    words.sort(key=lambda one: (one[1].recording, one[1].channel, one[1].begin))
    channels: dict[str, set[str]] = defaultdict(set)
    for _, word in words:
        channels[word.recording].add(word.channel)
    rows = []
    for (recording, channel), group in groupby(words, key=lambda one: (one[1].recording, one[1].channel)):
        found = list(group)
        id_ = recording if len(channels[recording]) == 1 else f"{recording}-{channel}"
        rows.append(Row(id_, found[0][0], text=" ".join(word.text for _, word in found)))
    return Transcripts(file, "ctm", tuple(rows), words=tuple(word for _, word in words))


def cut(words: Transcripts, segments: Transcripts) -> Transcripts:
    """Return a row for each segment of an STM file with the words of a CTM file that fall in it.

    As in sclite a word belongs to the first segment of its recording's channel that ends after the word's middle;
    those behind the last segment belong to that.
    Words of a recording or channel that no segment is of are a row of that name.
    """
    by_place: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    for segment in sorted(segments.segments, key=lambda one: (one.begin, one.end)):
        by_place[segment.recording, segment.channel.lower()].append(segment)
    ends = {place: [segment.end for segment in found] for place, found in by_place.items()}
    texts: dict[str, list[str]] = defaultdict(list)
    stray: dict[str, None] = {}
    for word in words.words:
        place = word.recording, word.channel.lower()
        if place not in by_place:
            stray[f"{word.recording}-{word.channel}"] = None
            continue
        at = bisect_right(ends[place], (word.begin + word.end) / 2)
        texts[by_place[place][min(at, len(ends[place]) - 1)].id].append(word.text)
    # a recording that the references lack is a row too many: whoever pairs the rows says so
    rows = [Row(one.id, 1, text=" ".join(texts[one.id])) for one in segments.segments]
    return replace(words, rows=(*rows, *(Row(name, 1, text="") for name in stray)))


def _entries(file: TextFile) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in file.lines() if not line.lstrip().startswith(_COMMENT))


def _time(file: TextFile, line: int, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise file.wrong(line, f"{text!r} is no time in seconds.")
    return seconds
