"""SubRip: what players take for markup is escaped, and nothing else."""

from documents import document, spoken

from acento.captions.srt import write_srt
from acento.captions.style import CaptionStyle


def test_cues_are_numbered_and_speakers_in_brackets() -> None:
    one = document(spoken("Hola, ¿qué tal?", speaker="Ana"), spoken("Bien.", start=4.0, speaker="Ben"))
    assert write_srt(one, CaptionStyle()) == (
        "1\n00:00:00,500 --> 00:00:01,735\n[Ana] Hola, ¿qué tal?\n\n2\n00:00:04,000 --> 00:00:04,833\n[Ben] Bien.\n"
    )


def test_only_markup_is_escaped() -> None:
    text = write_srt(document(spoken("AT&T 3 < 4 <unk> --> &lt; &c")), CaptionStyle())
    assert text.splitlines()[2] == "AT&T 3 < 4 &lt;unk> --&gt; &amp;lt; &c"


def test_colors_are_of_fonts_and_begin_again() -> None:
    one = document(*(spoken("uno", start=4.0 * n, speaker=f"s{n}") for n in range(8)))
    text = write_srt(one, CaptionStyle(speakers="color"))
    assert text.count('<font color="#ffffff">uno</font>') == 2
    assert '<font color="#ffff00">uno</font>' in text


def test_no_speech_is_an_empty_file() -> None:
    assert write_srt(document(), CaptionStyle()) == ""
