"""The doctor ranks what is suspicious, says why, and leaves what is merely hard, short or accented alone."""

import csv
import random
import re
from dataclasses import replace
from pathlib import Path

import fake_recognizer
import pytest
from made_up import clip, good, make_set

from acento.core.errors import DataError
from acento.core.store import LocalStore
from acento.core.text import normalizer
from acento.data.dataset import Card
from acento.data.demo.sentences import sentences
from acento.data.staging.corrections import Review, read_review
from acento.inference.benchmark import jobs
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from acento.validation.doctor.examination import Examined, examine, plan_examination
from acento.validation.doctor.findings import COLUMNS, diagnose, findings_csv, load_findings
from acento.validation.doctor.heuristics import Case, TranscribedClip, missing_end
from acento.validation.doctor.page import SHOWN, marked, page

BASIC = normalizer("basic")
TEXTS = sentences("neutral", 60)


def heard(number: int, hypothesis: str | None = None, reference: str | None = None, **facts: object) -> TranscribedClip:
    """Return a clip in which its own text was heard, or another."""
    text = TEXTS[number] if reference is None else reference
    said = text if hypothesis is None else hypothesis
    found = TranscribedClip(
        f"c{number:02d}", "train", f"s{number % 3}", "es", len(text) / 15, text, said, end_db=-40, start_db=-40
    )
    return replace(found, **facts)


def some(*others: TranscribedClip, count: int = 60) -> list[TranscribedClip]:
    """Return clips with nothing wrong, and these instead of those with the same ids."""
    clips = {one.id: one for one in (heard(number) for number in range(count))}
    return list((clips | {one.id: one for one in others}).values())


def found(*others: TranscribedClip, count: int = 60) -> dict[str, Case]:
    return {one.clip.id: one for one in diagnose(some(*others, count=count), BASIC)}


def test_clips_that_were_heard_as_they_are_written_are_not_suspicious() -> None:
    assert found() == {}


def test_case_and_punctuation_are_no_errors() -> None:
    assert found(heard(3, TEXTS[3].upper() + "!")) == {}


def test_a_transcript_that_is_far_from_what_was_heard_is_found() -> None:
    one = found(heard(7, "algo muy distinto que nadie ha escrito"))["c07"]
    assert one.kinds == ("wrong_transcript",)
    assert one.wer is not None
    assert one.wer >= 0.8
    assert "where speaker s1 usually has 0%" in one.why
    assert one.suggested_action == "drop"


def test_exchanged_transcripts_come_first_and_name_each_other() -> None:
    wrong = heard(7, "algo muy distinto que nadie ha escrito")
    ranked = list(found(wrong, heard(20, TEXTS[41]), heard(41, TEXTS[20])).values())
    assert {one.clip.id: one.hint and one.hint.id for one in ranked} == {"c20": "c41", "c41": "c20", "c07": None}
    assert ranked[2].clip.id == "c07"
    assert "likely exchanged" in ranked[0].why
    assert ranked[0].hint is not None
    assert (ranked[0].suggested_action, ranked[0].hint.reference) == ("mend", TEXTS[int(ranked[0].hint.id[1:])])


def test_a_speaker_all_of_whose_transcripts_moved_on_by_one_is_found() -> None:
    mine = list(range(0, 60, 3))
    moved = [heard(n, TEXTS[m]) for n, m in zip(mine, [*mine[1:], mine[0]], strict=True)]
    assert set(found(*moved)) == {f"c{n:02d}" for n in mine}


def test_a_speaker_who_is_always_hard_to_understand_is_no_outlier() -> None:
    def harder(text: str) -> str:
        return " ".join(
            word if i % 2 else word.replace("o", "u").replace("e", "i") for i, word in enumerate(text.split())
        )

    hard = [heard(n, harder(TEXTS[n])) for n in range(0, 60, 3)]
    assert found(*hard) == {}


def test_a_speaker_with_few_clips_is_compared_with_the_data_set() -> None:
    one = found(heard(7, "algo muy distinto que nadie ha escrito", speaker="rare"))["c07"]
    assert "where the data set usually has" in one.why


def test_one_wrong_word_of_a_clip_of_one_word_is_not_enough() -> None:
    assert found(heard(5, "no", "sí", duration_s=0.5), heard(6, "casi", "casa", duration_s=0.5)).keys() <= {
        "c05",
        "c06",
    }
    for suspect in found(heard(5, "no", "sí", duration_s=0.14)).values():
        assert "wrong_transcript" not in suspect.kinds


def test_the_longer_of_two_wrong_references_is_more_suspicious() -> None:
    ranked = found(heard(5, "ni tú", "sí señor", duration_s=0.6), heard(7, "algo muy distinto que nadie ha escrito"))
    assert ranked["c07"].score > (ranked["c05"].score if "c05" in ranked else 0)


def test_hearing_nothing_is_suspicious_and_a_failure_is_only_said() -> None:
    suspects = found(heard(3, ""), heard(4, hypothesis=None, error="decode: it cannot"))
    assert "The model's transcript is empty." in suspects["c03"].why
    failed = found(replace(heard(4), hypothesis=None, error="too_long: 40 s"))["c04"]
    assert (failed.kinds, failed.suggested_action) == (("not_transcribed",), "keep")
    assert "too_long: 40 s" in failed.why


def test_a_cut_ending_is_told_from_a_quiet_one() -> None:
    text = "los vecinos han comprado pescado fresco en el mercado"
    said = "los vecinos han comprado pescado fresco en el"
    assert found(heard(5, said, text, end_db=-2.0))["c05"].kinds[0] == "cut_end"
    assert "“mercado” is missing from the model's transcript" in found(heard(5, said, text, end_db=-2.0))["c05"].why
    assert "c05" not in found(heard(5, said, text, end_db=-35.0))


def test_a_cut_beginning_is_found() -> None:
    text = "los vecinos han comprado pescado fresco en el mercado"
    one = found(heard(5, "han comprado pescado fresco en el mercado", text, start_db=1.0))["c05"]
    assert one.kinds[0] == "cut_start"
    assert "“los vecinos” is missing from the model's transcript" in one.why


@pytest.mark.parametrize(
    ("reference", "hypothesis", "missing"),
    [("uno dos tres", "uno dos", 5), ("uno dos tres", "uno dos tre", 0), ("uno dos", "seis siete", 0), ("uno", "", 0)],
)
def test_what_is_missing_at_the_end(reference: str, hypothesis: str, missing: int) -> None:
    assert missing_end(reference, hypothesis) == missing


def test_a_text_in_another_script_is_another_language() -> None:
    suspects = found(heard(5, None, "добрый день как вы поживаете"), heard(6, "добрый день как вы", TEXTS[6]))
    assert "wrong_language" in suspects["c05"].kinds
    assert "in CYRILLIC letters, which es is not written in" in suspects["c05"].why
    assert "the model's transcript in CYRILLIC ones" in suspects["c06"].why


def test_texts_that_are_much_too_long_or_short_for_their_audio_are_found() -> None:
    suspects = found(heard(5, duration_s=len(TEXTS[5]) / 50), heard(6, duration_s=len(TEXTS[6]) / 3))
    assert {name: one.kinds for name, one in suspects.items()} == {
        "c05": ("text_too_long",),
        "c06": ("text_too_short",),
    }


def test_the_order_of_the_clips_changes_nothing() -> None:
    clips = some(
        heard(7, "algo muy distinto que nadie ha escrito"), heard(20, TEXTS[41]), heard(41, TEXTS[20]), heard(3, "")
    )
    mixed = random.Random(1).sample(clips, len(clips))
    assert findings_csv(diagnose(mixed, BASIC)) == findings_csv(diagnose(clips, BASIC))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_very_few_clips_are_no_trouble(count: int) -> None:
    assert found(count=count) == {}


def test_differences_are_marked() -> None:
    assert marked("a <b> c", "a d") == ([("", "a"), ("del", "<b> c")], [("", "a"), ("ins", "d")])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def seen(store: LocalStore, card: Card, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Examined:
    """Let a model that hears nothing right transcribe the data set, and the doctor examine it."""
    monkeypatch.setitem(FAMILIES, "fake", fake_recognizer.FAKE)
    model = resolve(str(fake_recognizer.fake_model(folder / "model")))
    transcriptions = plan_examination(store, card, model, DecodeOptions())
    assert {one.split for one in transcriptions} == {split for split, clips in card.splits.items() if clips}
    runner = Runner(store)
    for transcription in transcriptions:
        for job in jobs(store, transcription):
            runner.execute(job)
    return examine(store, card, transcriptions, workers=0)


def test_every_split_is_examined_once_and_found_the_second_time(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*good(), clip(20, text="добрый день, </script> <b>", speaker="<i>"), clip(21, text=None)]
    card = make_set(store, [rows])
    done = seen(store, card, tmp_path, monkeypatch)
    assert (done.cached, done.report.clips, done.report.without_reference) == (False, 12, 1)
    assert seen(store, card, tmp_path, monkeypatch) == replace(done, cached=True)
    found = load_findings(store, done.report.key)
    assert [row["id"] for row in found] == ["c20"]
    assert list(found[0]) == list(COLUMNS)
    html = store.local_path(done.report.key, "index.html").read_text(encoding="utf-8")
    assert not re.search(r"(https?:)?//\w", re.sub(r"base64,[^\"]*", "", html))
    assert set(re.findall(r'(?:href|src)="([^"]{,20})', html)) == {"data:audio/flac;base"}
    assert "default-src 'none'" in html
    assert "unsafe-inline'; media-src data:; script-src 'sha256-" in html
    assert html.count("</script>") == 2
    assert "<i>" not in html


def test_a_set_without_references_is_said(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = make_set(store, [[clip(n, text=None) for n in range(3)]])
    with pytest.raises(DataError, match="made-up v1 has no reference text: there is nothing that the doctor could"):
        seen(store, card, tmp_path, monkeypatch)


def test_findings_that_are_given_back_as_they_are_are_read(tmp_path: Path) -> None:
    suspects = diagnose(some(heard(7, 'algo, "muy" distinto que nadie ha escrito'), heard(3, "")), BASIC)
    path = tmp_path / "findings.csv"
    path.write_text(findings_csv(suspects), encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["rank"] for row in csv.DictReader(file)] == ["1", "2"]
    assert set(read_review(path).drop) == {"c03", "c07"}
    assert read_review(path) != Review({}, {})


def test_a_page_has_a_player_for_no_more_than_the_worst(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = make_set(store, [good()])
    done = seen(store, card, tmp_path, monkeypatch)
    (one,) = diagnose(some(heard(7, "algo muy distinto que nadie ha escrito")), BASIC)
    suspects = [replace(one, clip=replace(one.clip, id=f"x{number}")) for number in range(SHOWN + 3)]
    html = page(done.report, suspects, {one.clip.id: b"fLaC" for one in suspects[:SHOWN]})
    assert html.count("<audio") == SHOWN
    assert "3 more, with lower scores: <a href=" in html
