"""Long recordings with subtitles, annotations and NIST's formats: segments, speakers, and what cannot be used."""

import json
from contextlib import suppress

import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid
from recordings import RATE, noise

from acento.core.errors import DataError
from acento.data.sources import RejectReason, SourceOptions, open_source
from acento.data.sources.transcripts.annotations import read_elan, read_text_grid
from acento.data.sources.transcripts.nist import read_stm
from acento.data.sources.transcripts.segments import TimedSegment
from acento.data.sources.transcripts.subtitles import read_subtitles
from tests.acento.data.sources.layouts import read, tree

SRT = "1\n00:00:00,000 --> 00:00:01,200\n<i>hola</i>\n\n2\n00:00:01,200 --> 00:00:02,400\n{\\an8}- adiós\n"


def segments(items):
    return {uid: (item.text, item.speaker, item.start_s, item.length_s) for uid, item in items.items()}


def talk(root, name, content, audio="talk.wav"):
    return tree(root, **{name: content, audio: None})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_subtitles_are_utterances_of_the_recording_beside_them(tmp_path, encoding):
    folder = talk(tmp_path / "f", "talk.srt", SRT.encode(encoding))
    for where in (folder, folder / "talk.srt"):
        items, rejected = read(where)
        assert segments(items) == {"talk#t=0,1.2": ("hola", None, 0, 1.2), "talk#t=1.2,2.4": ("adiós", None, 1.2, 1.2)}
        assert not rejected


def test_cues_without_words_or_times_are_rejected_by_their_lines(tmp_path):
    vtt = "WEBVTT\n\nNOTE x --> y\n\n00:00.000 --> 00:01.000 align:start\n<v Ana>Hola <c.r>ya</c>\n\n"
    vtt += "00:01.000 --> 00:02.000\n[música]\n\n00:02.000 --> x\nmal\n\n"
    vtt += "00:03.000 --> 00:03.000\nnada\n\n00:04.0 --> 00:05.0\n"
    items, rejected = read(talk(tmp_path / "f", "talk.es.vtt", vtt))
    assert segments(items) == {"talk/Ana#t=0,1": ("Hola ya", "Ana", 0, 1)}
    assert items["talk/Ana#t=0,1"].language == "es"
    assert rejected == [
        ("talk.es.vtt:11", RejectReason.BAD_ROW),
        ("talk.es.vtt:14", RejectReason.BAD_ROW),
        ("talk.es.vtt:17", RejectReason.NO_TRANSCRIPT),
        ("talk.es.vtt:8", RejectReason.NO_TRANSCRIPT),
    ]


def test_without_its_recording_every_segment_is_rejected(tmp_path):
    tree(tmp_path, **{"talk.srt": SRT})
    assert [reason for _, reason in read(tmp_path / "talk.srt")[1]] == [RejectReason.NO_AUDIO] * 2


def test_of_two_transcripts_of_a_recording_one_is_read_and_other_recordings_are_named(tmp_path):
    folder = tree(tmp_path / "f", **{"a.srt": SRT, "a.vtt": SRT, "a.wav": None, "b.wav": None})
    items, rejected = read(folder)
    assert len(items) == 2
    assert rejected == [("a.srt", RejectReason.DUPLICATE_ID), ("b", RejectReason.NO_TRANSCRIPT)]


def test_stm_names_speakers_recordings_and_what_is_not_scored(tmp_path):
    stm = ";; c\ntalk 1 ana 0.0 1.2 <o,f0,female> hola {NOISE} (eh)\ntalk 1 ana 1.2 2 ignore_time_segment_in_scoring\n"
    stm += "talk 1 inter_segment_gap 2 3 <o,,>\ntalk 1 leo 3 4.5 <unk>\ntalk 1 leo x\ngone 1 leo 0 1 hola\n"
    folder = tree(tmp_path / "tedlium", **{"stm/talk.stm": stm, "sph/talk.sph": None})
    for where, stem in ((folder, "sph/talk"), (folder / "stm" / "talk.stm", "talk")):
        items, rejected = read(where)
        assert segments(items) == {f"{stem}/ana#t=0,1.2": ("hola eh", "ana", 0, 1.2)}
        assert sorted(reason for _, reason in rejected) == sorted(
            [RejectReason.NO_TRANSCRIPT, RejectReason.NO_TRANSCRIPT, RejectReason.BAD_ROW, RejectReason.NO_AUDIO]
        )


def test_ctm_words_are_joined_at_pauses_and_apart_by_channel(tmp_path):
    ctm = "call A 0.0 0.5 hola 0.9\ncall A 0.5 0.5 mundo\ncall B 0.2 0.5 sí\n"
    ctm += "call A 2.0 0.5 adiós\ncall A 2.5 0.1 [ruido]\n"
    folder = tree(tmp_path / "f", **{"call.ctm": ctm})
    soundfile.write(folder / "call.wav", noise(1, 6.0).reshape(-1, 2), RATE)
    items, _ = read(folder)
    assert {(item.text, item.channel, item.start_s, item.length_s) for item in items.values()} == {
        ("hola mundo", 0, 0.0, 1.0),
        ("sí", 1, 0.2, 0.5),
        ("adiós", 0, 2.0, 0.5),
    }


def test_json_of_whisper_is_told_from_a_manifest(tmp_path):
    rows = [{"start": 0, "end": 1.5, "text": " Hola.", "speaker": "S1"}, {"start": 2, "text": "x"}]
    body = {"text": "x" * 70_000, "segments": rows, "language": "es"}
    folder = talk(tmp_path / "f", "talk.json", json.dumps(body))
    items, rejected = read(folder / "talk.json")
    assert segments(items) == {"talk/S1#t=0,1.5": ("Hola.", "S1", 0, 1.5)}
    assert rejected == [("talk.json:2", RejectReason.BAD_ROW)]
    (folder / "m.json").write_text('{"audio_filepath": "talk.wav", "text": "a", "segments": []}\n')
    assert set(read(folder / "m.json")[0]) == {"talk"}


def test_labels_of_audacity_are_segments_and_no_transcript_of_the_whole(tmp_path):
    items, _ = read(talk(tmp_path / "f", "talk.txt", "0.0\t1.2\thola\n\\\t100\t200\n1.5\t2,5\tsí\n"))
    assert segments(items) == {"talk#t=0,1.2": ("hola", None, 0, 1.2), "talk#t=1.5,2.5": ("sí", None, 1.5, 1)}


def aligned(uid, first, last, text):
    times = f'TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}"'
    value = f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>"
    note = f'<ALIGNABLE_ANNOTATION ANNOTATION_ID="{uid}" {times}>{value}</ALIGNABLE_ANNOTATION>'
    return f"<ANNOTATION>{note}</ANNOTATION>"


def referring(uid, to, text):
    value = f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>"
    note = f'<REF_ANNOTATION ANNOTATION_ID="{uid}" ANNOTATION_REF="{to}">{value}</REF_ANNOTATION>'
    return f"<ANNOTATION>{note}</ANNOTATION>"


def eaf(*tiers, media="", slots=(0, 1200, None, 3000)):
    times = ["" if value is None else f' TIME_VALUE="{value}"' for value in slots]
    order = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{n}"{value}/>' for n, value in enumerate(times, start=1))
    body = f'<HEADER TIME_UNITS="milliseconds">{media}</HEADER><TIME_ORDER>{order}</TIME_ORDER>{"".join(tiers)}'
    return f'<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT>{body}</ANNOTATION_DOCUMENT>'.encode()


def tier(name, *notes, **attributes):
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<TIER TIER_ID="{name}"{more}>{"".join(notes)}</TIER>'


def test_elan_tiers_are_speakers_and_translations_are_not(tmp_path):
    data = eaf(
        tier(
            "A", aligned("a1", "t1", "t2", "hola"), aligned("a2", "t2", "t3", "uno"), aligned("a3", "t3", "t4", "dos")
        ),
        tier("en", referring("r1", "a1", "hello everybody"), PARENT_REF="A"),
        tier("B", aligned("b1", "t1", "t4", "sí"), aligned("b2", "t4", "t1", "al revés"), PARTICIPANT="Leo"),
        media='<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/rec%201.wav" MIME_TYPE="audio/x-wav"/>',
    )
    folder = tree(tmp_path / "f", **{"talk.eaf": data, "rec 1.wav": None})
    with open_source(str(folder)) as source:
        list(source.items())
        assert list(source.notes) == ["talk.eaf: Of the tiers 'A', 'B' were taken, and not 'en'."]
    items, rejected = read(folder)
    assert segments(items) == {
        "rec 1/A#t=0,1.2": ("hola", "A", 0, 1.2),
        "rec 1/A#t=1.2,2.1": ("uno", "A", 1.2, 0.9),
        "rec 1/A#t=2.1,3": ("dos", "A", 2.1, 0.9),
        "rec 1/Leo#t=0,3": ("sí", "Leo", 0, 3),
    }
    assert [reason for _, reason in rejected] == [RejectReason.BAD_ROW]
    assert {item.text for item in read(folder, text_column="en")[0].values()} == {"hello everybody"}
    with pytest.raises(DataError, match="no tier 'xx'"):
        read(folder / "talk.eaf", text_column="xx")


def test_numbered_elan_tiers_give_way_to_the_transcription_below_them():
    ref = tier("ref@ana", aligned("a1", "t1", "t2", "utt001"), aligned("a2", "t2", "t4", "utt002"))
    said = tier("tx@ana", referring("x1", "a1", "hola mundo"), referring("x2", "a2", "adiós"), PARENT_REF="ref@ana")
    free = tier("ft@ana", referring("f1", "a1", "hello whole world"), PARENT_REF="ref@ana")
    found = read_elan(eaf(ref, said, free)).segments
    assert [(row.text, row.speaker, row.start_s) for row in found] == [("hola mundo", "ana", 0), ("adiós", "ana", 1.2)]


def test_an_entity_bomb_in_an_eaf_is_refused():
    with pytest.raises(DataError, match="no XML that can be read"):
        read_elan(b'<!DOCTYPE a [<!ENTITY x "y">]><ANNOTATION_DOCUMENT>&x;</ANNOTATION_DOCUMENT>')


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("talk.eaf", '<?xml version="1.0"?><ANNOTATION_DOCUMENT/>', "it has no annotation with a text"),
        ("talk.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n', "it has no tier of intervals"),
        ("talk.srt", "", "it has no segment"),
        ("talk.stm", "é".encode("latin-1"), "name its encoding by --encoding"),
    ],
)
def test_an_empty_transcript_is_one_sentence(tmp_path, name, content, what):
    folder = talk(tmp_path / "f", name, content)
    with pytest.raises(DataError, match=what):
        read(folder / name)
    with open_source(str(folder), SourceOptions()) as source:
        (entry,) = source.items()
    assert (entry.reason, entry.source) == (RejectReason.BAD_ROW, name)
    assert what in entry.detail


def grid(path, form, **tiers):
    made = textgrid.Textgrid(0, 100)
    for name, rows in tiers.items():
        made.addTier(textgrid.IntervalTier(name, rows, 0, 100))
    made.save(str(path), form, includeBlankSpaces=True)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_text_grids_give_speakers_and_leave_words_and_phones(tmp_path, form):
    words = [(0, 0.5, "hola"), (0.5, 1.2, '"mundo"'), (1.5, 3, "adiós")]
    phones = [(n / 10, (n + 1) / 10, "a") for n in range(12)]
    text = grid(
        tmp_path / "x",
        form,
        ana=[(0, 1.2, 'hola "mundo"'), (1.5, 3, "adiós")],
        leo=[(0.2, 0.4, "sí")],
        words=words,
        phones=phones,
    )
    found = read_text_grid(text)
    assert [(row.text, row.speaker, row.start_s, row.end_s) for row in found.segments] == [
        ('hola "mundo"', "ana", 0, 1.2),
        ("adiós", "ana", 1.5, 3),
        ("sí", "leo", 0.2, 0.4),
    ]
    assert found.notes == ["Of the tiers 'ana', 'leo' were taken, and not 'words', 'phones'."]


def test_a_text_grid_of_words_alone_is_joined_into_utterances(tmp_path):
    words = [(0, 0.5, "hola"), (0.5, 1.2, "mundo"), (2, 2.5, "adiós"), (2.5, 3, "amigo")]
    assert [row.text for row in read_text_grid(grid(tmp_path / "x", "long_textgrid", words=words)).segments] == [
        "hola mundo",
        "adiós amigo",
    ]


TIMES = st.lists(st.integers(0, 99_000), min_size=2, max_size=12, unique=True).map(sorted)
LABEL = st.text("abñ \"'.-é", min_size=1, max_size=12).map(lambda text: "x" + text.strip())


@settings(max_examples=40, deadline=None)
@given(times=TIMES, label=LABEL)
def test_what_is_written_as_text_grid_or_subtitles_is_read_back(tmp_path_factory, times, label):
    rows = [(a / 1000, b / 1000, f"{label} {n}") for n, (a, b) in enumerate(zip(times[::2], times[1::2], strict=False))]
    path = tmp_path_factory.mktemp("t") / "x"
    wanted = [(start, end, " ".join(text.split())) for start, end, text in rows]
    for form in ("long_textgrid", "short_textgrid"):
        assert times_of(read_text_grid(grid(path, form, ana=rows)).segments) == wanted
    cues = [f"{n}\n{clock(a)} --> {clock(b)}\n{text}\n" for n, (a, b, text) in enumerate(rows, start=1)]
    assert times_of(read_subtitles("\n".join(cues)).segments) == wanted
    lines = [f"talk 1 ana {a} {b} <o,f0,male> {text}" for a, b, text in rows]
    assert times_of(read_stm("\n".join(lines)).segments) == wanted


def clock(seconds):
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def times_of(rows):
    return [(row.start_s, row.end_s, row.text) for row in rows]


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 2000))
def test_a_cut_transcript_gives_equal_segments_or_a_sentence(tmp_path_factory, at):
    rows = [(0, 1.2, "hola mundo"), (1.5, 3, "adiós amigo")]
    path = tmp_path_factory.mktemp("t") / "x"
    for form in ("long_textgrid", "short_textgrid"):
        whole = grid(path, form, ana=rows)
        with suppress(DataError):
            assert times_of(read_text_grid(whole[: at % len(whole)]).segments) == rows
    data = eaf(tier("A", aligned("a1", "t1", "t2", "hola")))
    with pytest.raises(DataError):
        read_elan(data[: at % (len(data) - 1)])
    for row in read_subtitles(SRT[: at % len(SRT)]).segments:
        assert not isinstance(row, TimedSegment) or row.start_s in (0.0, 1.2)
