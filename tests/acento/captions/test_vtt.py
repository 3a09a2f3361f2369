"""WebVTT: valid by its syntax, whatever is said, with who says it."""

import io
from dataclasses import replace

import pytest
import webvtt
from documents import document, documents, spoken
from hypothesis import given, settings
from strict_vtt import parse_vtt

from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.captions.vtt import write_vtt
from acento.data.document import Document

STYLE = CaptionStyle()
FINE = "WEBVTT\n\n00:01.000 --> 00:02.000\nHola\n"


@settings(max_examples=80, deadline=None)
@given(documents())
def test_every_document_makes_a_valid_file_that_says_what_the_cues_say(one: Document) -> None:
    expected = [
        (cue.start, cue.end, "\n".join(line.text for line in cue.lines), tuple(name for name in cue.speakers if name))
        for cue in cues(one, STYLE)
    ]
    assert parse_vtt(write_vtt(one, STYLE)) == expected


@settings(max_examples=30, deadline=None)
@given(documents())
def test_another_parser_reads_the_same_times(one: Document) -> None:
    found = webvtt.from_buffer(io.StringIO(write_vtt(one, STYLE)))
    read = [(each.start_in_seconds, each.end_in_seconds) for each in found]
    assert [(int(cue.start), int(cue.end)) for cue in cues(one, STYLE)] == [(int(a), int(b)) for a, b in read]


def test_voices_and_what_is_markup_in_a_text() -> None:
    one = document(spoken("uno <b>dos</b> -->", speaker="A & B"), spoken("tres", start=9.0))
    assert write_vtt(one, STYLE) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:01.700\n<v A &amp; B>uno &lt;b&gt;dos&lt;/b&gt; --&gt;</v>\n"
        "\n00:00:09.000 --> 00:00:09.833\ntres\n"
    )


def test_colors_are_classes() -> None:
    one = document(*(spoken("uno", start=4.0 * n, speaker=f"s{n}") for n in range(8)))
    text = write_vtt(one, CaptionStyle(speakers="color"))
    assert "<c.white>uno</c>" in text
    assert "<c.yellow>uno</c>" in text
    assert text.count("<c.white>") == 2
    assert parse_vtt(text)


def test_no_speech_is_a_valid_file() -> None:
    text = write_vtt(document(), STYLE)
    assert text == "WEBVTT\n"
    assert parse_vtt(text) == []


def test_a_recording_of_a_hundred_hours_has_long_times() -> None:
    one = replace(document(spoken("uno", start=360_000.0)), duration_s=360_009.0)
    assert "\n100:00:00.000 --> " in write_vtt(one, STYLE)
    assert parse_vtt(write_vtt(one, STYLE))[0][0] == 360_000


@pytest.mark.parametrize(
    "text",
    [
        *("", "webvtt\n", "WEBVTT", "WEBVTTx\n", "WEBVTT\n00:01.000 --> 00:02.000\nHola\n"),
        # after web-platform-tests, webvtt/parsing/file-parsing: timings-60, -too-short, -garbage, -negative, arrows
        *(
            FINE.replace("00:01.000", time)
            for time in ("00:60.000", "60:00.000", "00:01.00", "00:1.000", "0:00:01.000", "00:01,000", "-00:01.000")
        ),
        *(FINE.replace(" --> ", arrow) for arrow in ("-->", " -> ", " --> x", "--> ")),
        FINE.replace("00:02.000", "00:01.000"),
        FINE.replace("Hola", "a --> b"),
        # cue-text-parsing: entities and tags that a parser forgives and the syntax does not
        *(
            FINE.replace("Hola", body)
            for body in ("a & b", "a &amp b", "&copy;", "<", "a < b", "<b>a", "a</b>", "<v>a</v>")
        ),
        *(FINE.replace("Hola", body) for body in ("<i x>a</i>", "<b><i>a</b></i>", "<font color=red>a</font>", "a\0b")),
    ],
)
def test_the_validator_refuses(text: str) -> None:
    with pytest.raises(AssertionError):
        parse_vtt(text)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a &lt; b &amp;&gt; c", ("a < b &> c", ())),
        ("<v Ana &amp; Eva>a</v>\n<v.loud Ben>b</v>", ("a\nb", ("Ana & Eva", "Ben"))),
        ("<c.red.bg_blue>a</c>", ("a", ())),
    ],
)
def test_the_validator_takes(body: str, said: tuple[str, tuple[str, ...]]) -> None:
    assert parse_vtt(FINE.replace("Hola", body)) == [(1.0, 2.0, *said)]
