"""A NeMo manifest: each line an utterance or a rejection."""

import json

import pytest

from acento.core.errors import DataError
from acento.data.sources import Rejection, RejectReason, SourceItem, open_source


def read(folder, *lines):
    path = folder / "list.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return list(open_source(str(path)).items())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs/a.wav").write_bytes(b"audio")
    return tmp_path


A = {"audio_filepath": "wavs/a.wav", "text": "Hola."}


def test_a_line_is_an_utterance_named_by_its_path(folder):
    (item,) = read(folder, {**A, "duration": 2.5})
    assert item == SourceItem("wavs/a", folder / "wavs/a.wav", "Hola.", "wavs/a.wav")


def test_an_absolute_path_in_the_manifests_folder_is_the_same_as_a_relative_one(folder):
    (item,) = read(folder, {**A, "audio_filepath": str(folder / "wavs/a.wav")})
    assert (item.id, item.origin) == ("wavs/a", "wavs/a.wav")


def test_an_absolute_path_elsewhere_is_taken_as_it_is(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "b.wav"
    path.write_bytes(b"audio")
    (item,) = read(folder, {**A, "audio_filepath": str(path)})
    assert (item.path, item.origin) == (path, path.as_posix())


@pytest.mark.parametrize("key", ["id", "utt_id"])
def test_facts_are_taken_where_they_are_given(folder, key):
    facts = {key: 7, "speaker": "Anna", "accent": "chilean", "source_lang": "es", "split": "validation"}
    (item,) = read(folder, {**A, **facts})
    assert (item.id, item.speaker, item.accent, item.language, item.split) == ("7", "Anna", "chilean", "es", "dev")


def test_an_offset_cuts_a_stretch_out_of_the_file(folder):
    first, rest = read(folder, {**A, "offset": 0, "duration": 1.25}, {**A, "offset": 1.25})
    assert (first.id, first.origin) == ("wavs/a#t=0,1.25", "wavs/a.wav#t=0,1.25")
    assert (first.start_s, first.length_s) == (0.0, 1.25)
    assert (rest.id, rest.start_s, rest.length_s) == ("wavs/a#t=1.25", 1.25, None)


@pytest.mark.parametrize(
    "line",
    [
        b"{not json",
        b"[1]",
        b'{"text": "\xff"}',
        b"[" * 100_000,
        {"text": "Hola."},
        {**A, "audio_filepath": ["a.wav"]},
        {**A, "text": True},
        {**A, "split": "later"},
        {**A, "offset": -1},
        {**A, "offset": "1"},
        {**A, "offset": 0, "duration": 0},
        b'{"audio_filepath": "wavs/a.wav", "text": "x", "offset": NaN}',
    ],
)
def test_a_line_that_cannot_be_used_is_a_bad_row_with_its_number(folder, line):
    good, bad, another = read(folder, A, line, A)
    assert good == another
    assert isinstance(bad, Rejection)
    assert (bad.reason, bad.id, bad.source) == (RejectReason.BAD_ROW, "list.jsonl:2", "list.jsonl:2")
    assert "Line 2" in bad.detail


def test_a_missing_file_and_a_missing_text_have_their_reasons(folder):
    entries = read(folder, {**A, "audio_filepath": "b.wav"}, {**A, "text": " "}, {"audio_filepath": "wavs/a.wav"})
    assert [entry.reason for entry in entries] == [
        RejectReason.NO_AUDIO,
        RejectReason.NO_TRANSCRIPT,
        RejectReason.NO_TRANSCRIPT,
    ]


def test_blank_lines_and_a_byte_order_mark_are_nothing(folder):
    assert len(read(folder, b"", b"\xef\xbb\xbf" + json.dumps(A).encode(), b"  ")) == 1


def test_a_manifest_that_is_a_folder_or_cannot_be_read_is_one_sentence(folder):
    (folder / "x.jsonl").mkdir()
    with pytest.raises(DataError):
        open_source(str(folder / "x.jsonl"))
