"""Ids are matched one to one; what does not match is named, and nothing is scored unless it is asked for."""

from pathlib import Path

import pytest
from written_texts import written

from acento.core.errors import InputError
from acento.scoring.files import read_transcripts
from acento.scoring.files.pairing import pair, speakers_of, with_own_references
from acento.scoring.files.transcript import Transcripts

SAID = {"a": "uno", "b": "dos", "c": "tres"}


def read(folder: Path, name: str, texts: dict[str, str], format: str = "kaldi") -> Transcripts:
    return read_transcripts(written(folder, name, format, texts), format)


def test_no_common_id_shows_one_of_each(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"have no id in common: the first has 'a', the second 'x'\."):
        pair(read(tmp_path, "said", SAID), read(tmp_path, "heard", {"x": "uno"}))


def test_ids_that_are_paths_match_by_file_name_when_it_is_asked_for(tmp_path: Path) -> None:
    said, heard = read(tmp_path, "said", SAID), read(tmp_path, "heard", {f"/data/{id_}.wav": id_ for id_ in SAID})
    with pytest.raises(InputError, match=r"the second '/data/a.wav'; --by-file-name takes ids for paths"):
        pair(said, heard)
    assert next((row.id, row.hypothesis) for row in pair(said, heard, by_file_name=True).results) == ("a", "a")
    twice = read(tmp_path, "twice", {"/one/a.wav": "x", "/two/a.flac": "y"})
    with pytest.raises(InputError, match="line 2: id 'a' is there already in line 1"):
        pair(said, twice, by_file_name=True)


def test_a_missing_hypothesis_is_refused_scored_empty_or_left_out(tmp_path: Path) -> None:
    said, heard = read(tmp_path, "said", SAID), read(tmp_path, "heard", {"a": "uno"})
    with pytest.raises(InputError, match=r"2 of 3 references have no hypothesis in .*heard.kaldi: b, c\. --missing"):
        pair(said, heard)
    assert [(row.hypothesis, row.error) for row in pair(said, heard, missing="empty").results][1] == ("", None)
    dropped = pair(said, heard, missing="drop").results[2]
    assert dropped.hypothesis is None
    assert dropped.error is not None
    assert dropped.error.startswith("missing: there is no hypothesis in")


def test_a_hypothesis_without_reference_is_refused_or_left_out(tmp_path: Path) -> None:
    said, heard = read(tmp_path, "said", SAID), read(tmp_path, "heard", SAID | {"d": "cuatro"})
    with pytest.raises(InputError, match=r"1 of 4 hypotheses has no reference in .*said.kaldi: d\. --extra drop"):
        pair(said, heard)
    paired = pair(said, heard, extra="drop")
    assert ([row.id for row in paired.results], paired.extra) == (["a", "b", "c"], 1)


def test_an_id_that_is_there_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "heard"
    path.write_text("a uno\nb dos\na tres\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"heard, line 3: id 'a' is there already in line 1"):
        pair(read(tmp_path, "said", SAID), read_transcripts(path))


def test_null_is_missing_and_an_empty_text_is_not(tmp_path: Path) -> None:
    heard = tmp_path / "heard.jsonl"
    heard.write_text(
        '{"id": "a", "pred_text": NaN}\n{"id": "b", "pred_text": ""}\n{"id": "c", "pred_text": "tres"}\n', "utf-8"
    )
    said = read(tmp_path, "said", SAID)
    with pytest.raises(InputError, match=r"1 of 3 references has no hypothesis in .*: a\."):
        pair(said, read_transcripts(heard))
    assert [row.hypothesis for row in pair(said, read_transcripts(heard), missing="drop").results] == [None, "", "tres"]


def test_a_file_that_has_both_is_its_own_reference(tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_text('{"id": "a", "text": "uno", "pred_text": "un"}\n', "utf-8")
    (row,) = pair(*with_own_references(read_transcripts(both))).results
    assert (row.reference, row.hypothesis) == ("uno", "un")
    for format, lacking in (("kaldi", "predictions"), ("jsonl", "predictions")):
        with pytest.raises(InputError, match=f"has no {lacking}: name the file of the references"):
            with_own_references(read(tmp_path, "said", SAID, format))


def test_words_are_cut_by_segments_as_sclite_does(tmp_path: Path) -> None:
    stm, ctm = tmp_path / "said.stm", tmp_path / "heard.ctm"
    stm.write_text(
        ";; made by hand\n"
        "rec A ana 0.00 2.00 <O,F> uno dos\n"
        "rec A ana 2.50 4.00 tres\n"
        "rec A ana 4.00 5.00 IGNORE_TIME_SEGMENT_IN_SCORING\n"
        "other B beto 0 1\n",
        "utf-8",
    )
    ctm.write_text(
        "rec A 0.0 0.5 uno\n"
        "rec a 1.7 0.5 dos 0.9\n"  # its middle is 1.95
        "rec A 1.8 0.5 tres\n"  # 2.05, between two segments: it belongs to the next
        "rec A 4.2 0.1 noise\n"
        "rec A 9.0 0.1 behind\n",
        "utf-8",
    )
    results = pair(read_transcripts(stm), read_transcripts(ctm)).results
    assert [(row.id, row.reference, row.hypothesis) for row in results] == [
        ("rec-A-0.00-2.00", "uno dos", "uno dos"),
        ("rec-A-2.50-4.00", "tres", "tres"),
        ("rec-A-4.00-5.00", None, "noise behind"),
        ("other-B-0-1", "", ""),
    ]
    assert [(row.speaker, row.duration_s) for row in results][::3] == [("ana", 2.0), ("beto", 1.0)]
    ctm.write_text("rec A 0.0 0.5 uno\nunknown A 0.0 0.5 dos\n", "utf-8")
    with pytest.raises(InputError, match=r"1 of 5 hypotheses has no reference in .*: unknown-A"):
        pair(read_transcripts(stm), read_transcripts(ctm))


def test_braces_that_do_not_match_are_named_with_their_line(tmp_path: Path) -> None:
    said = read(tmp_path, "said", {"a": "uno", "b": "{ dos / tres"}, "trn")
    heard = read(tmp_path, "heard", {"a": "uno", "b": "dos"}, "trn")
    with pytest.raises(InputError, match=r"said.trn, line 2: A brace is not closed in '\{ dos / tres'"):
        pair(said, heard, alternatives=True)
    assert pair(said, heard).results[1].reference == "{ dos / tres"


def test_speakers_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    assert speakers_of(read(tmp_path, "utt2spk", {"a": "ana", "b": "beto"})) == {"a": "ana", "b": "beto"}
    with pytest.raises(InputError, match="line 1: 'a' needs one word that names its speaker"):
        speakers_of(read(tmp_path, "utt2spk", {"a": "ana maría"}))
    said, heard = read(tmp_path, "said", SAID), read(tmp_path, "heard", SAID)
    assert [row.speaker for row in pair(said, heard, speakers={"a": "ana"}).results] == ["ana", None, None]
