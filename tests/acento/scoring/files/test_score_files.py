"""Files of any format give the counts that their texts give, on boards and with sentences as runs have them."""

import csv
import json
from itertools import product
from pathlib import Path

import pytest
from written_texts import written

from acento.core.errors import InputError
from acento.core.text import Normalizer
from acento.core.text.normalizer import Step
from acento.scoring import FileOptions, score_files, score_texts
from acento.scoring.boards.leaderboard import Board
from acento.scoring.counting.counts import ErrorCounts
from acento.scoring.files.systems import read_systems
from acento.scoring.score import score_utterances, summarize

SAID = {f"clip-{n}": text for n, text in enumerate(["hola po", "el perro come pan", "la niña canta bien", "sí", "uno"])}
HEARD = {
    name: text.replace("perro", "gato").replace(" po", "").replace("uno", "uno dos") for name, text in SAID.items()
}
FORMATS = ("jsonl", "csv", "tsv", "kaldi", "trn")
PAIRS = [*product(FORMATS, (*FORMATS, "ctm")), ("stm", "stm"), ("stm", "ctm")]
"""What can be scored against what: the ids of an STM file are its segments."""


def board(references: Path | None, *hypotheses: Path, options: FileOptions | None = None) -> Board:
    (found,) = score_files(references, hypotheses, normalizer="basic", options=options or FileOptions()).boards
    return found


@pytest.mark.parametrize(("references", "hypotheses"), PAIRS)
def test_the_same_texts_have_the_same_counts_in_every_format(tmp_path: Path, references: str, hypotheses: str) -> None:
    said = written(tmp_path, "said", references, SAID)
    heard = written(tmp_path, "heard", hypotheses, HEARD, "pred_text" if hypotheses == "jsonl" else "text")
    (row,) = board(said, heard).rows
    expected = score_texts([*SAID.values()], [*HEARD.values()], normalizer="basic")
    assert row.entry.score.overall.words == expected.counts == ErrorCounts(1, 1, 1, 10)
    assert row.entry.score.overall.scored == 5


def test_two_systems_on_the_same_references_share_a_board_whatever_the_formats(tmp_path: Path) -> None:
    one, two = written(tmp_path, "one", "jsonl", HEARD), written(tmp_path, "two", "csv", SAID)
    left, right = (read_systems(written(tmp_path, "said", name, SAID), [one], FileOptions()) for name in ("trn", "tsv"))
    assert left[0].dataset_fingerprint == right[0].dataset_fingerprint
    rows = board(written(tmp_path, "said", "kaldi", SAID), one, two).rows
    assert [row.entry.model for row in rows] == ["two", "one"]
    assert rows[1].tied is not None  # it was tested on the same clips


def test_alternations_and_optional_words_count_as_in_sclite(tmp_path: Path) -> None:
    said = {"a": "i've { um / uh / @ } gone", "b": "i am a (farmer)", "c": "{ a / b c } d"}
    heard = {"a": "i've uh gone", "b": "i am a", "c": "b x d"}
    texts = written(tmp_path, "said", "trn", said), written(tmp_path, "heard", "trn", heard)
    assert board(*texts).rows[0].entry.score.overall.words == ErrorCounts(substitutions=1, hits=10)
    plain = board(*texts, options=FileOptions(alternations=False)).rows[0].entry.score.overall.words
    assert plain.errors > 1


def test_two_systems_that_come_close_to_readings_of_other_lengths_are_compared(tmp_path: Path) -> None:
    said = written(tmp_path, "said", "trn", {"a": "{ veinte y uno / veintiuno } años", "b": "sí"})
    one = written(tmp_path, "one", "trn", {"a": "veinte y uno años", "b": "sí"})
    two = written(tmp_path, "two", "trn", {"a": "veintiuno año", "b": "sí"})
    rows = board(said, one, two).rows
    assert [row.entry.score.overall.words.reference_length for row in rows] == [5, 3]
    assert rows[1].against_first is not None
    assert rows[1].against_first.clips == 2


def test_the_names_of_a_leaderboards_manifest_are_the_model_and_the_data_set(tmp_path: Path) -> None:
    path = tmp_path / "MODEL_openai-whisper-tiny_DATASET_ami_test.jsonl"
    path.write_text(
        '{"audio_filepath": "sample_0", "duration": 2.0, "time": 0.5, "text": "yes", "pred_text": "yes"}\n'
        '{"audio_filepath": "sample_1", "duration": 4.0, "time": 0.5, "text": "no sir", "pred_text": "no"}\n'
    )
    (row,) = board(None, path).rows
    entry = row.entry
    assert (entry.model, entry.dataset) == ("openai/whisper-tiny", "ami_test")
    assert entry.score.overall.audio_s == 6.0
    assert entry.speed is not None
    assert (entry.speed.rtfx, entry.speed.inference_s, entry.speed.conditions) == (6.0, 1.0, None)


def test_the_interval_of_a_manifests_rtfx_is_one_of_a_ratio_and_not_of_an_error_rate(tmp_path: Path) -> None:
    path = tmp_path / "heard.jsonl"
    clips = ({"id": str(n), "duration": 1 + n % 7, "time": (1 + n % 7) / 100} for n in range(60))
    path.write_text("".join(json.dumps(one | {"text": "no", "pred_text": "no"}) + "\n" for one in clips))
    speed = board(None, path).rows[0].entry.speed
    assert speed is not None
    assert (speed.low, speed.high) == (pytest.approx(100), pytest.approx(100))  # each clip at the same speed


def test_empty_references_are_defined_and_counted_apart(tmp_path: Path) -> None:
    said = written(tmp_path, "said", "csv", {"a": "uno dos", "b": "", "c": "¡…!"})
    heard = written(tmp_path, "heard", "csv", {"a": "uno dos", "b": "eh", "c": ""})
    score = board(said, heard).rows[0].entry.score.overall
    assert (score.words, score.undefined, score.empty_references) == (ErrorCounts(insertions=1, hits=2), 2, 0)
    drops = Normalizer(
        "drops", 1, (Step("bare", "Strip the signs.", lambda text: text.strip("¡…!")),), drop_empty_references=True
    )
    (system,) = read_systems(said, [heard], FileOptions())
    dropped = summarize(score_utterances(system.paired.results, drops), drops).overall
    assert (dropped.words, dropped.undefined, dropped.empty_references) == (ErrorCounts(hits=2), 0, 2)
    assert (dropped.scored, dropped.without_reference) == (1, 2)


def test_where_all_references_are_empty_there_is_no_wer(tmp_path: Path) -> None:
    said, heard = (
        written(tmp_path, name, "csv", {"a": text, "b": ""}) for name, text in (("said", ""), ("heard", "x"))
    )
    (row,) = board(said, heard).rows
    assert (row.rank, row.entry.score.overall.wer.value) == (None, None)
    assert row.entry.score.overall.words.insertions == 1


@pytest.mark.slow
def test_a_hypothesis_of_a_million_characters_is_scored(tmp_path: Path) -> None:
    said = written(tmp_path, "said", "jsonl", {"a": "uno { dos / tres }", "b": "sí"})
    for words in ("dos " * 250_000, "d" * 1_000_000):
        heard = written(tmp_path, "heard", "jsonl", {"a": words.strip(), "b": "sí"}, "pred_text")
        score = board(said, heard, options=FileOptions(alternations=True)).rows[0].entry.score.overall
        assert score.words.errors == len(words.split()) - (1 if "dos" in words else 0) + ("dos" not in words)


@pytest.mark.parametrize("format", ["kaldi", "trn", "csv", "tsv", "ctm"])
def test_a_file_of_one_very_long_line_is_read_in_every_format(tmp_path: Path, format: str) -> None:
    csv.field_size_limit(131_072)  # as in a new process
    said = written(tmp_path, "said", "jsonl", {"a": "dos"})
    written(tmp_path, "heard", format, {"a": "d" * 200_000}).rename(tmp_path / "heard")
    assert board(said, tmp_path / "heard").rows[0].entry.score.overall.words.substitutions == 1


def test_missing_hypotheses_that_are_left_out_are_said_on_the_board(tmp_path: Path) -> None:
    said = written(tmp_path, "said", "csv", SAID)
    heard = written(tmp_path, "heard", "csv", {name: SAID[name] for name in ("clip-0", "clip-1")})
    found = board(said, heard, options=FileOptions(missing="drop"))
    assert "2, 3 failed *" in found.grid().to_text()
    empty = board(said, heard, options=FileOptions(missing="empty")).rows[0].entry.score.overall
    assert (empty.scored, empty.words.deletions) == (5, 6)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (FileOptions(language="xx"), "'xx' is no known language"),
        (FileOptions(names=("a", "b")), "Give a name for each file of hypotheses: names 2, files 1"),
        (FileOptions(speakers=Path("nobody")), "nobody cannot be read"),
    ],
)
def test_options_that_are_none_are_refused(tmp_path: Path, options: FileOptions, what: str) -> None:
    said = written(tmp_path, "said", "csv", SAID)
    with pytest.raises(InputError, match=what):
        read_systems(said, [said], options)


def test_a_system_is_given_once_and_there_is_one(tmp_path: Path) -> None:
    said = written(tmp_path, "said", "csv", SAID)
    with pytest.raises(InputError, match=r"said.csv is given twice"):
        read_systems(said, [said, said], FileOptions())
    with pytest.raises(InputError, match="Two systems are called 'x'"):
        read_systems(said, [said, written(tmp_path, "other", "csv", SAID)], FileOptions(names=("x", "x")))
    with pytest.raises(InputError, match="There is nothing to score"):
        read_systems(said, [], FileOptions())
    with pytest.raises(InputError, match="There is no normalizer 'spanglish'"):
        score_files(said, said, normalizer="spanglish")
