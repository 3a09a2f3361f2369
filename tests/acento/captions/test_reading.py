"""Captions of a person: their lines and times as they stand there, without markup."""

from pathlib import Path

import pytest
from documents import document, spoken

from acento.captions.reading import read_captions
from acento.captions.style import CaptionStyle
from acento.core.errors import InputError
from acento.data.document_json import document_to_json

STYLE = CaptionStyle()


def lines(path: Path, style: CaptionStyle = STYLE) -> list[tuple[float, float, list[str]]]:
    return [(cue.start, cue.end, [line.text for line in cue.lines]) for cue in read_captions(path, style).cues]


def test_lines_and_sounds_of_subrip_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(
        "1\n00:00:03,000 --> 00:00:04,000\n<i>Tres</i>\n\n2\n00:00:01,000 --> 00:00:02,500\n- Uno &amp;\n- [risas]\n"
    )
    assert lines(path) == [(1.0, 2.5, ["- Uno &", "- [risas]"]), (3.0, 4.0, ["Tres"])]


def test_voices_of_webvtt_are_named_where_they_change(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    cue = "00:0{}.000 --> 00:0{}.900\n<v {}>Hola &lt;b&gt;</v>\n\n"
    path.write_text("WEBVTT\n\n" + "".join(cue.format(n, n, name) for n, name in enumerate(("Ana", "Ana", "Ben"))))
    assert [one for *_, found in lines(path) for one in found] == ["[Ana] Hola <b>", "Hola <b>", "[Ben] Hola <b>"]
    assert [one for *_, found in lines(path, CaptionStyle(speakers="none")) for one in found] == ["Hola <b>"] * 3


def test_ttml_and_json_have_a_language(tmp_path: Path) -> None:
    one = document(spoken("hola"), language="es")
    (tmp_path / "a.json").write_text(document_to_json(one))
    (tmp_path / "a.ttml").write_text('<tt xml:lang="de"><body><p begin="1s" end="2s">ja<br/>gut</p></body></tt>')
    assert read_captions(tmp_path / "a.json", STYLE).language == "es"
    assert read_captions(tmp_path / "a.ttml", STYLE).language == "de"
    assert lines(tmp_path / "a.ttml") == [(1.0, 2.0, ["ja", "gut"])]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "hola", "is no file of captions"),
        ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\nx\n", "the cue of line 2 should begin before it ends"),
        ("a.vtt", "WEBVTT\n\nnow --> later\nx\n", "the cue of line 3 should begin"),
        ("a.ttml", "<tt><body><p>x</p></body></tt>", "the cue of paragraph 1 should begin"),
        ("a.ttml", "<html/>", "it is no TTML"),
        ("a.json", "{}", "it is no document"),
        ("a.srt", "hola\n", "has no cue"),
    ],
)
def test_what_cannot_be_used_is_a_sentence_with_its_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=says):
        read_captions(tmp_path / name, STYLE)
    with pytest.raises(InputError, match="cannot be read"):
        read_captions(tmp_path / "gone.srt", STYLE)


def test_an_empty_file_has_no_cue(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("")
    assert lines(tmp_path / "a.srt") == []
