"""TTML: every form of time, times within times, speakers, and what cannot be read."""

import pytest

from acento.core.errors import DataError
from acento.data.sources.transcripts.segments import TimedSegment, Unusable
from acento.data.sources.transcripts.ttml import read_ttml

TT = (
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
    'xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="es" {}>{}</tt>'
)


def read(body: str, attributes: str = "", head: str = "") -> list[TimedSegment | Unusable]:
    text = TT.format(attributes, f"<head>{head}</head><body><div>{body}</div></body>")
    return read_ttml(text.encode()).segments


def times(body: str, attributes: str = "") -> list[tuple[float, float]]:
    return [(one.start_s, one.end_s) for one in read(body, attributes) if isinstance(one, TimedSegment)]


@pytest.mark.parametrize(
    ("begin", "end", "attributes", "found"),
    [
        ("00:00:01.500", "00:01:02", "", (1.5, 62.0)),
        ("1.5s", "2500ms", "", (1.5, 2.5)),
        ("0.5m", "0.01h", "", (30.0, 36.0)),
        ("00:00:01:15", "00:00:02:00", "", (1.5, 2.0)),
        ("25f", "50f", 'ttp:frameRate="25"', (1.0, 2.0)),
        ("30f", "60f", 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"', (1.001, 2.002)),
        ("10000000t", "25000000t", 'ttp:tickRate="10000000"', (1.0, 2.5)),
    ],
)
def test_every_form_of_time(begin: str, end: str, attributes: str, found: tuple[float, float]) -> None:
    assert times(f'<p begin="{begin}" end="{end}">Hola</p>', attributes) == [pytest.approx(found)]


def test_times_within_times_count_from_the_begin_of_these_and_end_with_them() -> None:
    assert times('<div begin="10s" end="13s"><p begin="1s" end="2s">a</p><p begin="2s" dur="9s">b</p></div>') == [
        (11.0, 12.0),
        (12.0, 13.0),
    ]


def test_spans_with_times_are_utterances() -> None:
    body = '<p begin="5s" end="9s"><span begin="0s" end="1s">uno</span> <span begin="1s" end="3s">dos</span></p>'
    found = read(body)
    assert [(one.text, one.start_s) for one in found if isinstance(one, TimedSegment)] == [("uno", 5.0), ("dos", 6.0)]


def test_lines_are_joined_and_what_is_no_speech_is_left_out() -> None:
    (one,) = read('<p begin="0s" end="2s">- Hola,<br/>- ¿qué <span>tal</span>? [risas] &lt;b&gt; &amp;amp;</p>')
    assert isinstance(one, TimedSegment)
    assert one.text == "Hola, ¿qué tal? <b> &amp;"


def test_agents_are_speakers_where_there_is_one() -> None:
    head = (
        '<metadata><ttm:agent xml:id="a" type="person"><ttm:name type="full">Ana Soto</ttm:name></ttm:agent></metadata>'
    )
    body = (
        '<p begin="0s" end="1s" ttm:agent="a">uno</p><p begin="1s" end="2s"><span ttm:agent="a">dos</span></p>'
        '<p begin="2s" end="3s"><span ttm:agent="a">tres</span><span ttm:agent="b">y</span></p>'
    )
    found = read(body, head=head)
    assert [one.speaker for one in found if isinstance(one, TimedSegment)] == ["Ana Soto", "Ana Soto", None]


def test_paragraphs_without_usable_times_are_unusable() -> None:
    found = read('<p>a</p><p begin="soon" end="2s">b</p><p begin="3s" end="2s">c</p><p begin="1s" end="2s">d</p>')
    assert [type(one) for one in found] == [Unusable, Unusable, Unusable, TimedSegment]


def test_the_language_is_the_roots() -> None:
    assert read_ttml(TT.format("", "").encode()).language == "es"


@pytest.mark.parametrize("data", [b"", b"<tt", b"<html/>", b'<!DOCTYPE x [<!ENTITY a "b">]><tt>&a;</tt>'])
def test_what_is_no_ttml_is_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        read_ttml(data)
