"""What intervals draw: speakers where the claim is about people that the model has not heard, else clips."""

from dataclasses import replace

import pyarrow as pa
import pytest

from acento.core.text import normalizer
from acento.scoring.comparing.compare import compare, compare_groups
from acento.scoring.score import Score, UtteranceResult, score_utterances, summarize
from acento.scoring.statistics.units import units_of

NONE = normalizer("none")
CLIP = UtteranceResult("", "a b c d", "a b c d", None, "test", None, None, 2.0)
BAD = "x x x x"


def table(bad: tuple[str, ...] = (), *, speakers: str = "pqrs", seen: bool | None = False, clips: int = 10) -> pa.Table:
    """Score some clips of each speaker; all words of the bad speakers are wrong."""
    rows = [
        replace(
            CLIP, id=f"{name}{i}", speaker=name, speaker_seen=seen, hypothesis=BAD if name in bad else CLIP.reference
        )
        for name in speakers
        for i in range(clips)
    ]
    return score_utterances(rows, NONE)


def test_unseen_speakers_are_drawn() -> None:
    units = units_of(table())
    assert (units.kind, units.count, units.speakers, units.seen, units.few) == ("speaker", 4, 4, False, True)
    assert not units_of(table(speakers="abcdefghij")).few


def test_clips_are_drawn_where_the_speakers_were_trained_on_or_are_not_known() -> None:
    seen = units_of(table(seen=True))
    assert (seen.kind, seen.count, seen.speakers, seen.seen, seen.few) == ("clip", 40, 4, True, False)
    unknown = units_of(score_utterances([replace(CLIP, id=str(i)) for i in range(5)], NONE))
    assert (unknown.kind, unknown.count, unknown.speakers, unknown.seen) == ("clip", 5, 0, False)


def test_speakers_are_drawn_where_only_some_of_them_were_trained_on() -> None:
    mixed = pa.concat_tables([table(speakers="ab", seen=True), table(speakers="cd")])
    assert (units_of(mixed).kind, units_of(mixed).seen) == ("speaker", False)


def test_a_table_without_the_column_counts_its_speakers_as_unseen() -> None:
    assert units_of(table().drop_columns("speaker_seen")).kind == "speaker"


def test_one_bad_speaker_of_four_is_a_tie_and_not_a_win() -> None:
    difference = compare(table(("s",)), table()).difference
    assert difference is not None
    assert difference.delta == 0.25
    assert not difference.tells_apart
    assert difference.p_value == 1.0


def test_one_bad_speaker_of_four_is_a_finding_about_these_four() -> None:
    difference = compare(table(("s",), seen=True), table(seen=True)).difference
    assert difference is not None
    assert difference.tells_apart


def test_a_score_says_what_was_drawn() -> None:
    unseen, seen = (summarize(table(("s",), seen=flag), NONE) for flag in (False, True))
    assert (unseen.unit, unseen.units, unseen.speakers, unseen.seen, unseen.few) == ("speaker", 4, 4, False, True)
    assert (seen.unit, seen.units, seen.speakers, seen.seen, seen.few) == ("clip", 40, 4, True, False)
    wide, narrow = ((score.overall.wer.high or 0) - (score.overall.wer.low or 0) for score in (unseen, seen))
    assert wide > 1.5 * narrow


def test_an_old_score_is_read() -> None:
    body = summarize(table(), NONE).model_dump(exclude={"unit", "units", "speakers", "seen"})
    old = Score.model_validate(body)
    assert (old.unit, old.units, old.speakers, old.seen, old.few) == ("clip", None, 0, False, False)


@pytest.mark.parametrize("seen", [True, False])
def test_the_clips_of_one_speaker_are_drawn_in_the_speakers_own_row(seen: bool) -> None:
    rows = score_utterances(
        [
            replace(CLIP, id=f"{i}", speaker="abcd"[i % 4], speaker_seen=seen, hypothesis=BAD if i % 3 else "a b c d")
            for i in range(40)
        ],
        NONE,
    )
    wer = summarize(rows, NONE).groups["speaker"]["a"].wer
    assert wer.low is not None
    assert wer.high is not None
    assert wer.low < (wer.value or 0) < wer.high


def test_a_comparison_by_accent_draws_the_speakers_of_that_accent() -> None:
    found = compare_groups("a", "b", table(("s",)), table())
    assert found.by_speaker
    assert found.groups["speaker"]["s"].difference is not None
    assert found.groups["speaker"]["s"].difference.low is not None
