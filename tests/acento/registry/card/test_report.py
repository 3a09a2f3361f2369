"""The report of a version and its model card: made of a real run, published once, read by the gate's consent."""

import shutil
from pathlib import Path

import pytest
from benchmarked import benchmarked
from judged import World, made_world

from acento.core.errors import DamagedError, InputError
from acento.models.checkpoints.resolver import resolve
from acento.registry.aliases import history
from acento.registry.card.card import model_card, publish_report, report_of
from acento.registry.card.report import ModelReport, card_path, latest_report
from acento.registry.gate.judging import Question, judge
from acento.registry.gate.looks import take_look
from acento.registry.gate.verdict import GateVerdict
from acento.registry.promotion import promote
from acento.registry.versions import read_history
from acento.scoring.errors.hallucinations import ClipCount


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    return made.copied(tmp_path / "store")


def test_a_report_holds_both_models_on_every_set_and_by_accent(world: World) -> None:
    report = world.report()
    assert [(one.name, one.role, one.all.clips) for one in report.sets] == [
        ("small@1", "test", 9),
        ("guard@1", "guard", 6),
    ]
    test = report.test
    assert (test.dataset, test.dataset_fingerprint, test.split) == ("small@1", world.card.fingerprint, "test")
    assert set(test.accents) == {"chilean", "neutral"}
    assert sum(row.clips for row in test.accents.values()) == test.all.clips
    assert test.all.base is not None
    assert test.all.base.value is not None
    assert test.all.tuned.value is not None
    assert test.all.difference is not None
    assert test.all.difference.delta == pytest.approx(test.all.tuned.value - test.all.base.value)
    gate = report.gate
    assert isinstance(gate, GateVerdict)
    assert (gate.test.candidate.value, gate.test.incumbent.value) == (test.all.tuned.value, test.all.base.value)
    assert report.uses is not None
    assert (report.uses.models, report.uses.runs) == (2, 1)
    assert (report.runs, report.normalizer, report.incumbent) == (("run-1",), "basic-1", str(world.base))


def test_a_run_without_the_version_makes_no_report(world: World) -> None:
    other = world.register(1)
    with pytest.raises(InputError, match=rf"has no score of {other.id} on small@1"):
        report_of(world.store, other, world.run, world.question, None)


def test_without_the_base_there_is_no_before(world: World) -> None:
    run = benchmarked(world.store, [world.version.id], ["small"], run="run-2")
    question = Question(test=world.question.test, guards=(), incumbent="x", against="x", language="es")
    report = report_of(world.store, world.version, run, question, None)
    assert report.test.all.base is None
    assert report.test.all.difference is None
    assert "was not benchmarked" not in model_card(world.version, [], report)


def test_reports_follow_one_another_and_the_very_same_is_published_once(world: World) -> None:
    assert latest_report(world.store, world.version) is None
    first = publish_report(world.store, world.version, world.report())
    assert first == f"{world.version.folder_key}/reports/0001"
    assert publish_report(world.store, world.version, world.report(created="later")) == first
    second = publish_report(world.store, world.version, world.report(runs=("run-1", "run-2")))
    assert second.endswith("reports/0002")
    last = latest_report(world.store, world.version)
    assert last is not None
    assert (last.key, last.report.runs) == (second, ("run-1", "run-2"))
    assert card_path(world.store, world.version) == str(world.store.root / second / "README.md")


def test_a_report_of_another_model_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="is of registry:else@1 and not of"):
        publish_report(world.store, world.version, world.report(model="registry:else@1"))


def test_a_report_that_cannot_be_read_is_said_to_be(world: World) -> None:
    key = f"{world.version.folder_key}/reports/0001"
    with world.store.publish(key) as draft:
        (draft.folder / "report.json").write_text("{}")
    with pytest.raises(DamagedError, match=r"reports/0001 in .* cannot be read; remove its folder"):
        latest_report(world.store, world.version)


def test_the_card_says_what_was_measured_and_what_was_not(world: World) -> None:
    from huggingface_hub import ModelCard

    report = world.report()
    text = model_card(world.version, read_history(world.store, world.version), report)
    card = ModelCard(text)
    card.data.to_dict()
    assert (card.data.language, card.data.datasets, card.data.metrics) == ("es", ["small"], ["wer"])
    results = card.data.eval_results
    assert results is not None
    assert [(one.metric_type, one.dataset_type, one.dataset_split) for one in results] == [
        ("wer", "small", "test"),
        ("wer", "guard", "test"),
    ]
    assert report.test.all.tuned.value is not None
    assert results[0].metric_value == round(100 * report.test.all.tuned.value, 2)
    assert f"{100 * report.test.all.tuned.value:.2f} ≈[" in text  # of few speakers
    assert "| – chilean |" in text
    for sentence in world.verdict.sentences:
        assert sentence in text
    assert "| learning\\_rate | 0.0015 |".replace("\\_", "_") in text
    assert "| steps taken | 20 |" in text
    assert "The test set has 9 clips" in text
    assert "Intervals are over 2 speakers, too few to be trusted for others (fewer than 10)." in text
    assert "has judged 2 models in 1 run so far" in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"unit": "speaker", "speakers": 12}, "12 speakers, and hold for others too"),
        ({"unit": "speaker", "speakers": 1, "few": True}, "1 speaker, too few to be trusted for others"),
        ({"speakers": 2, "seen": True}, "clips, and hold for these 2 speakers, who are in its training data"),
        ({}, "clips; for other speakers they are too narrow"),
    ],
)
def test_a_row_says_for_whom_its_intervals_hold(world: World, facts: dict[str, object], said: str) -> None:
    plain = {"unit": "clip", "speakers": 0, "seen": False, "few": False}
    assert world.report().test.all.model_copy(update=plain | facts).drawn.startswith(said)


def test_before_a_benchmark_the_card_says_so(world: World) -> None:
    text = Path(card_path(world.store, world.version)).read_text()
    assert "It was not benchmarked on test clips yet" in text
    assert "WER 44.0 % before, 21.0 % after" in text
    assert "model-index" not in text


def test_production_takes_what_the_gate_let_pass(world: World) -> None:
    world.judged(world.version, passed=True)
    move = promote(world.store, world.version)
    assert (move.forced, move.report) == (False, f"{world.version.folder_key}/reports/0001")


def test_production_refuses_what_was_not_judged_or_refused(world: World) -> None:
    with pytest.raises(InputError, match=r"was not judged by the gate.*Add --force --why"):
        promote(world.store, world.version)
    world.judged(world.version, passed=False)
    with pytest.raises(InputError, match=r"The gate refused .* A sentence with 12\.3 points\. Add --force"):
        promote(world.store, world.version)
    assert history(world.store, world.version.name, "production") == []
    promote(world.store, world.version, "candidate")


def test_force_is_written_down(world: World) -> None:
    world.judged(world.version, passed=False)
    promote(world.store, world.version, forced=True, why="it has to be today")
    (move,) = history(world.store, world.version.name, "production")
    assert (move.forced, move.why, move.report) == (True, "it has to be today", None)


def test_a_refusal_for_few_speakers_alone_is_done_without_only_by_name_and_written_down(world: World) -> None:
    few = world.verdict.test.model_copy(update={"passed": False, "reason": "few speakers", "few_speakers": True})
    gate = world.verdict.model_copy(update={"passed": False, "test": few, "guards": ()})
    publish_report(world.store, world.version, world.report(gate=gate))
    with pytest.raises(InputError, match="The gate refused"):
        promote(world.store, world.version)
    move = promote(world.store, world.version, allow_few_speakers=True)
    assert (move.few_speakers, move.forced) == (True, False)
    assert history(world.store, world.version.name, "production") == [move]


def test_another_refusal_stays_one_however_few_speakers_are_allowed(world: World) -> None:
    few = world.verdict.test.model_copy(update={"passed": False, "reason": "few speakers"})
    lost = few.model_copy(update={"reason": "loss", "role": "guard"})
    gate = world.verdict.model_copy(update={"passed": False, "test": few, "guards": (lost,)})
    publish_report(world.store, world.version, world.report(gate=gate))
    with pytest.raises(InputError, match="The gate refused"):
        promote(world.store, world.version, allow_few_speakers=True)


def test_judging_writes_the_look_down_and_the_same_candidate_again_is_the_same_look(world: World) -> None:
    assert (world.verdict.look, world.verdict.test_level) == (1, 0.95)
    models = {"incumbent": resolve(str(world.base)), "candidate": resolve(world.version.id)}
    assert judge(world.store, world.run, world.question, **models).look == 1
    assert take_look(world.store, "small", "test", "registry:next@1", "next").number == 2
    assert judge(world.store, world.run, world.question, **models).look == 1


def test_candidates_that_were_judged_before_looks_were_written_down_count(world: World) -> None:
    world.judged(world.version, passed=False)
    shutil.rmtree(world.store.root / "looks")
    assert take_look(world.store, "small", "test", "registry:next@1", "next").number == 2
    assert take_look(world.store, "small", "test", world.version.id, "whatever").number == 1
    assert take_look(world.store, "guard", "test", "registry:next@1", "next").number == 1


def test_a_consent_to_another_step_is_none(world: World) -> None:
    newer = world.register(1)
    world.judged(world.version, passed=True)
    world.judged(newer, passed=True)
    promote(world.store, world.version)
    with pytest.raises(InputError, match=rf"with the base, but production is {world.version.title} now"):
        promote(world.store, newer)
    world.judged(newer, passed=True, incumbent=world.version.id)
    assert promote(world.store, newer).number == 2


def test_the_newest_report_counts(world: World) -> None:
    world.judged(world.version, passed=True)
    world.judged(world.version, passed=False)
    with pytest.raises(InputError, match="The gate refused"):
        promote(world.store, world.version)


def test_the_card_says_what_a_model_errs_in_besides_words(world: World) -> None:
    report = world.report()
    assert report.test.errors_before is not None
    assert report.test.errors_after is not None
    assert report.test.errors_after.hallucinations.any.of == 9
    quiet = model_card(world.version, [], report)
    silent = ClipCount(count=2, of=3, examples=("c01", "c02"))
    loud = report.test.errors_after.hallucinations.model_copy(update={"any": silent, "non_speech": silent})
    after = report.test.errors_after.model_copy(update={"hallucinations": loud})
    sets = (report.test.model_copy(update={"errors_after": after}), *report.sets[1:])
    told = model_card(world.version, [], report.model_copy(update={"sets": sets}))
    assert f"| {report.model} (after) |" in told
    assert "2 of 3" in told
    assert "2 of 3" not in quiet


def test_a_report_of_before_these_errors_were_counted_is_read(world: World) -> None:
    report = world.report().model_dump(mode="json")
    for one in report["sets"]:
        del one["errors_before"], one["errors_after"]
    assert ModelReport.model_validate(report).test.errors_after is None
    assert "besides words" not in model_card(world.version, [], ModelReport.model_validate(report))
