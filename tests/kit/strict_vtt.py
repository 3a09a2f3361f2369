"""WebVTT by the letter of its syntax (W3C, https://www.w3.org/TR/webvtt1/#syntax), stricter than any player.

It knows what captions have, cues with text, voices and classes; settings, styles and regions are none of theirs.
"""

import html
import re
from itertools import pairwise

_TIME = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}")
_TAG = re.compile(r"<(/?)(v|c|i|b|u)((?:\.[^\s.<>&]+)*)(?: ([^<>&\n]*(?:&(?:amp|lt|gt);[^<>&\n]*)*))?>")
_ENTITY = re.compile(r"&(?:amp|lt|gt|lrm|rlm|nbsp);")

VttCue = tuple[float, float, str, tuple[str, ...]]
"""Begin, end, text without tags, voices."""


def parse_vtt(text: str) -> list[VttCue]:
    """Return the cues of a file; AssertionError if anything is not as the syntax has it."""
    assert "\0" not in text
    header, *blocks = text.removeprefix("\ufeff").rstrip("\n").split("\n\n") if text.strip("\n") else [""]
    assert re.fullmatch(r"WEBVTT([ \t][^\n]*)?", header), header
    assert text.endswith("\n")
    cues = [_cue(block.removeprefix("\n")) for block in blocks]
    assert all(before[0] <= after[0] for before, after in pairwise(cues)), "begins go back"
    return cues


def _cue(block: str) -> VttCue:
    lines = block.split("\n")
    if "-->" not in lines[0]:
        lines = lines[1:]  # an identifier
    timing = _TIMING.fullmatch(lines[0])
    assert timing, lines[0]
    start, end = _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:])
    assert start < end, lines[0]
    assert lines[1:], "a cue without text"
    assert all(line for line in lines[1:])
    body = "\n".join(lines[1:])
    assert "-->" not in body
    return start, end, *_spans(body)


def _spans(body: str) -> tuple[str, tuple[str, ...]]:
    """Return the text, and who speaks, of a cue whose tags are closed in order."""
    open_tags: list[str] = []
    voices = []
    text, at = "", 0
    while at < len(body):
        if body[at] == "<":
            tag = _TAG.match(body, at)
            assert tag, body[at:]
            closing, name, _, annotation = tag.groups()
            if closing:
                assert open_tags[-1:] == [name]
                open_tags.pop()
            else:
                assert (annotation is not None) == (name == "v"), "a voice, and only that, has a name"
                if name == "v":
                    assert (annotation or "").strip()
                    voices.append(html.unescape(annotation or ""))
                open_tags.append(name)
            at = tag.end()
        elif body[at] == "&":
            entity = _ENTITY.match(body, at)
            assert entity, body[at:]
            text += html.unescape(entity[0])
            at = entity.end()
        else:
            assert body[at] != ">" or "-->" not in body
            text += body[at]
            at += 1
    assert not open_tags
    return text, tuple(voices)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(f"{seconds}{fraction}") / 1000
