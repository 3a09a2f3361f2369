"""Files with speakers: what is paired by recording and what by segment, and what is scored of speakers."""

import json
from pathlib import Path

import pytest

from acento.core.errors import InputError
from acento.scoring.files import read_transcripts
from acento.scoring.files.systems import FileOptions, read_systems, score_files
from acento.scoring.speakers.score import SpeakerScore

REF = "m1 1 ana 0.0 2.0 <o> hola { qué / cómo } tal\nm1 1 luis 2.0 4.0 <o> muy bien [risas]\n"
HYP = "m1 1 s1 0.1 2.5 hola qué tal muy\nm1 1 s2 2.5 4.1 bien\n"
RTTM = "SPEAKER m1 1 0.0 2.0 <NA> <NA> ana <NA> <NA>\nSPEAKER m1 1 2.0 2.0 <NA> <NA> luis <NA> <NA>\n"
CTM = "".join(
    f"m1 1 {at} 0.4 {word} 0.9 lex {who}\n"
    for at, word, who in [(0, "hola", "s1"), (0.5, "qué", "s1"), (1, "tal", "s1"), (2, "muy", "s2"), (3, "bien", "s2")]
)
SEGLST = json.dumps(
    [
        {"session_id": "m1", "speaker": "A", "start_time": 0, "end_time": 2, "words": "hola qué tal"},
        {"session_id": "m1", "speaker": "B", "start_time": "2.0", "end_time": 4.0, "words": ["muy", "bien"]},
    ]
)


def files(folder: Path, **texts: str) -> list[Path]:
    found = []
    for name, text in texts.items():
        found.append(folder / name.replace("_", "."))
        found[-1].write_text(text, encoding="utf-8")
    return found


def speakers_of(folder: Path, **texts: str) -> SpeakerScore:
    said, heard = files(folder, **texts)
    found = score_files(said, heard, normalizer="basic").boards[0].rows[0].entry.speakers
    assert found is not None
    return found


@pytest.mark.meeteval
def test_two_stm_files_of_own_segments_are_scored_by_recording(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_stm=REF, hyp_stm=HYP)
    row = score_files(said, heard, normalizer="basic").boards[0].rows[0]
    assert row.entry.score.overall.utterances == 1
    assert row.entry.score.overall.wer.value == 0.0  # read as one text nothing is wrong
    assert row.entry.speakers is not None
    assert row.entry.speakers.cpwer is not None
    assert row.entry.speakers.cpwer.value == pytest.approx(2 / 5)  # "muy" is one too many of ana's, one too few
    assert row.entry.speakers.der.value == pytest.approx((0.1 + 0.1 + 0.5) / 4)


@pytest.mark.meeteval
@pytest.mark.parametrize("ending", ["json", "seglst", "txt"])
def test_seglst_is_known_by_its_content(tmp_path: Path, ending: str) -> None:
    found = speakers_of(tmp_path, ref_stm=REF, **{f"hyp_{ending}": SEGLST})
    assert found.cpwer is not None
    assert found.cpwer.value == found.der.value == 0


@pytest.mark.meeteval
def test_ctm_with_speakers_is_scored_by_segment_and_by_speaker(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_stm=REF, hyp_ctm=CTM)
    row = score_files(said, heard, normalizer="basic").boards[0].rows[0]
    assert row.entry.score.overall.utterances == 2
    assert row.entry.speakers is not None
    assert row.entry.speakers.tcpwer is not None
    assert row.entry.speakers.tcpwer.value == 0


def test_ctm_without_speakers_has_no_scores_of_speakers(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_stm=REF, hyp_ctm=CTM.replace(" 0.9 lex s1", "").replace(" 0.9 lex s2", ""))
    assert score_files(said, heard, normalizer="basic").boards[0].rows[0].entry.speakers is None


def test_texts_on_the_reference_s_own_segments_and_speakers_have_none_either(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_stm=REF, hyp_stm=REF.replace("bien", "mal"))
    row = score_files(said, heard, normalizer="basic").boards[0].rows[0]
    assert row.entry.speakers is None
    assert row.entry.score.overall.utterances == 2


def test_rttm_is_scored_without_texts(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_rttm=RTTM, hyp_rttm=RTTM.replace("luis", "s2").replace("ana", "s1"))
    board = score_files(said, heard).boards[0]
    assert [table.title for table in board.tables()] == ["ref, test: speakers"]
    assert board.rows[0].entry.speakers is not None
    assert board.rows[0].entry.speakers.der.value == 0
    assert read_transcripts(heard).format == "rttm"


@pytest.mark.meeteval
def test_rttm_is_scored_against_stm(tmp_path: Path) -> None:
    assert speakers_of(tmp_path, ref_stm=REF, hyp_rttm=RTTM).der.value == 0


def test_systems_that_only_tell_turns_are_in_the_order_of_their_der(tmp_path: Path) -> None:
    said, worse, better = files(tmp_path, ref_rttm=RTTM, a_rttm=RTTM.replace("luis", "ana"), b_rttm=RTTM)
    board = score_files(said, [worse, better]).boards[0]
    assert [row.entry.model for row in board.rows] == ["b", "a"]


def test_references_of_other_turns_are_another_board(tmp_path: Path) -> None:
    one, other, heard = files(tmp_path, a_rttm=RTTM, b_rttm=RTTM.replace("2.0 2.0", "2.0 3.0"), hyp_rttm=RTTM)
    prints = {read_systems(said, [heard], FileOptions())[0].dataset_fingerprint for said in (one, other)}
    assert len(prints) == 2


@pytest.mark.meeteval
def test_what_is_not_to_be_scored_is_left_out_of_der(tmp_path: Path) -> None:
    ignored = REF + "m1 1 inter 4.0 9.0 IGNORE_TIME_SEGMENT_IN_SCORING\n"
    heard = HYP.replace("2.5 4.1 bien", "2.5 9.0 bien")
    assert speakers_of(tmp_path, ref_stm=ignored, hyp_stm=heard).false_alarm.value == 0
    assert (speakers_of(tmp_path, ref_stm=REF, hyp_stm=heard).false_alarm.value or 0) > 1


def test_names_may_be_paths(tmp_path: Path) -> None:
    said, heard = files(tmp_path, ref_rttm=RTTM, hyp_rttm=RTTM.replace(" m1 ", " /data/m1.wav "))
    with pytest.raises(InputError, match=r"are of different recordings: .*'m1'.*'/data/m1.wav'.*--by-file-name"):
        read_systems(said, [heard], FileOptions())
    assert read_systems(said, [heard], FileOptions(by_file_name=True))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("hyp.rttm", "SPEAKER m1 1 0.0\n", r"hyp.rttm: Line 1 has 4 fields"),
        ("hyp.rttm", "", "hyp.rttm has no utterance"),
        ("hyp.csv", "id,text\nm1,hola\n", r"ref.rttm says who speaks when, and .*hyp.csv \(csv\) does not"),
        ("hyp.json", '[{"session_id": "m1"}]', "segment 1 of SegLST lacks speaker, start_time, end_time, words"),
        ("hyp.json", SEGLST.replace('"end_time": 2', '"end_time": -2'), "segment 1 goes from 0 to -2"),
        ("hyp.seglst", "[1]", "segment 1 of SegLST is no object"),
        ("hyp.seglst", '{"a": 1}', "SegLST is a list of objects"),
        ("hyp.seglst", "[", "this is no JSON"),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_sentence(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / "ref.rttm").write_text(RTTM, encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_systems(tmp_path / "ref.rttm", [tmp_path / name], FileOptions())
