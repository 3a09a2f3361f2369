"""TTML: the namespaces, agents and times of IMSC's text profile."""

from xml.etree.ElementTree import fromstring

from documents import document, documents, spoken
from hypothesis import given, settings

from acento.captions.cues import cues
from acento.captions.style import CaptionStyle
from acento.captions.ttml import write_ttml
from acento.data.document import Document

TT, TTM, TTS = (f"{{http://www.w3.org/ns/ttml{part}}}" for part in ("", "#metadata", "#styling"))
XML = "{http://www.w3.org/XML/1998/namespace}"
STYLE = CaptionStyle()


def test_the_root_names_profile_and_language() -> None:
    root = fromstring(write_ttml(document(spoken("hola"), language="es"), STYLE))
    assert root.tag == f"{TT}tt"
    assert root.get(f"{XML}lang") == "es"
    assert root.get("{http://www.w3.org/ns/ttml#parameter}contentProfiles", "").endswith("/imsc1.1/text")
    assert fromstring(write_ttml(document(language=None), STYLE)).get(f"{XML}lang") == ""


@settings(max_examples=50, deadline=None)
@given(documents())
def test_paragraphs_are_the_cues_in_a_region_with_a_style_that_exist(one: Document) -> None:
    root = fromstring(write_ttml(one, STYLE))
    identities = {element.get(f"{XML}id") for element in root.iter()}
    body = root.find(f"{TT}body")
    assert body is not None
    assert {body.get("region"), body.get("style")} <= identities
    found, expected = root.findall(f".//{TT}p"), cues(one, STYLE)
    assert len(found) == len(expected)
    for paragraph, cue in zip(found, expected, strict=True):
        assert len(paragraph.findall(f"{TT}br")) == len(cue.lines) - 1
        assert "".join(paragraph.itertext()) == "".join(line.text for line in cue.lines)
    agents = {element.get(f"{TTM}agent") for element in root.iter()} - {None}
    assert agents <= identities


def test_speakers_are_agents_of_paragraphs_and_of_spans() -> None:
    one = document(
        spoken("uno", speaker="Ana"), spoken("dos", start=4.0, speaker="Ana"), spoken("sí", start=4.5, speaker="Ben")
    )
    root = fromstring(write_ttml(one, STYLE))
    names = [element.text for element in root.iter(f"{TTM}name")]
    first, second = root.findall(f".//{TT}p")
    assert names == ["Ana", "Ben"]
    assert first.get(f"{TTM}agent") == "speaker1"
    assert [(span.get(f"{TTM}agent"), span.text) for span in second][::2] == [
        ("speaker1", "- dos"),
        ("speaker2", "- sí"),
    ]


def test_what_is_written_to_the_left_says_so() -> None:
    root = fromstring(write_ttml(document(spoken("مرحبا بالعالم"), language="ar"), STYLE))
    paragraph = root.find(f".//{TT}p")
    assert paragraph is not None
    assert paragraph.get(f"{TTS}direction") == "rtl"
