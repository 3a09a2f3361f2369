"""Which clips a share or a fold holds, and the trainings that are measured by them and not kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.callbacks import Callbacks
from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.experiments.cross_validation import learned_clips, plan_folds, publish_report
from acento.experiments.learning_curve import (
    PICTURE,
    check_shares,
    plan_shares,
    publish_curve,
    recipe_for_share,
)
from acento.inference.predictions import Prediction, write_predictions
from acento.jobs.finetune import finetune
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.versions import versions
from acento.scoring.score import count_column
from acento.training.data.prepared import Example
from acento.training.data.subsets import Fold, Share, fold_places, share_places
from acento.training.job import FinetuneJob, FinetuneResult, state
from acento.training.loop.checkpoints import Checkpoints
from acento.training.loop.evaluate import clips_of, decode, decode_test, scored_table
from acento.training.loop.schedule import evaluation_steps, total_steps
from acento.training.loop.state import Hooks
from acento.training.recipe import Recipe

torch.set_num_threads(1)


def examples(speakers: int, each: int) -> list[Example]:
    return [
        Example(f"{s:02d}-{n:03d}", f"text {n}", (1,), ("a", "b")[s % 2], f"s{s}", "es", 16000)
        for s in range(speakers)
        for n in range(each + s)
    ]


def test_smaller_shares_lie_within_larger_ones_and_each_has_every_speaker_in_proportion() -> None:
    clips = examples(5, 40)
    quarter, half, most, everything = (
        set(share_places(clips, Share(percent=percent))) for percent in (25, 50, 75, 100)
    )
    assert quarter < half < most < everything == set(range(len(clips)))
    assert [len(one) for one in (quarter, half, most)] == [53, 105, 158]
    for speaker in {clip.speaker for clip in clips}:
        own = [place for place, clip in enumerate(clips) if clip.speaker == speaker]
        assert abs(len(quarter & set(own)) - len(own) / 4) <= 1.5


def test_a_share_is_the_same_whatever_the_order_of_the_clips_and_not_the_first_ones() -> None:
    clips = examples(3, 30)
    ids = {clips[place].id for place in share_places(clips, Share(percent=30))}
    turned = clips[::-1]
    assert {turned[place].id for place in share_places(turned, Share(percent=30))} == ids
    assert ids != {clip.id for clip in clips[: len(ids)]}
    nameless = [Example(f"{n:03d}", f"text {n}", (1,), None, None, None, 1) for n in range(40)]
    assert len(share_places(nameless, Share(percent=25))) == 10
    assert len(share_places(nameless[:1], Share(percent=1))) == 1


@pytest.mark.parametrize("by", ["speaker", "prompt"])
def test_folds_test_every_clip_once_and_no_group_is_on_two_sides(by: str) -> None:
    clips = examples(6, 10)
    tested: list[int] = []
    for number in range(4):
        places = fold_places(clips, Fold(number=number, count=4, by=by))
        sides = [
            {clips[place].speaker if by == "speaker" else clips[place].text for place in side}
            for side in (places.train, places.dev, places.test)
        ]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert sorted([*places.train, *places.dev, *places.test]) == list(range(len(clips)))
        assert len(places.train) > len(places.dev) > 0
        tested += places.test
    assert sorted(tested) == list(range(len(clips)))


def test_too_few_groups_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="ask for at most 3, or make folds by prompt"):
        fold_places(examples(3, 5), Fold(number=0, count=4, by="speaker"))
    with pytest.raises(InputError, match="leaves 1 group to learn from, and none to choose the best checkpoint by"):
        fold_places(examples(2, 5), Fold(number=0, count=2, by="speaker"))


@pytest.mark.parametrize(("clips", "share"), [(150, 38), (150, 75), (150, 113), (1000, 10), (8, 8)])
@pytest.mark.parametrize("values", [{}, {"max_steps": 20}, {"epochs": 2.5, "accumulate": 2}])
def test_a_share_is_trained_for_as_many_steps_and_evaluated_after_the_same_ones(
    clips: int, share: int, values: dict[str, object]
) -> None:
    recipe = Recipe.checked(values)
    size = recipe.batch_size * recipe.accumulate
    whole, part = -(-clips // size), -(-share // size)
    other = recipe_for_share(recipe, clips, share)
    assert total_steps(other, part) == total_steps(recipe, whole)
    ours, theirs = sorted(evaluation_steps(other, part)), sorted(evaluation_steps(recipe, whole))
    assert len(ours) == len(theirs)
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 1  # one may be rounded the other way
    changed = {"max_steps", "epochs", "eval_every"}
    assert other.model_dump(exclude=changed) == recipe.model_dump(exclude=changed)


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [([0, 50], "share of 0 %"), ([50, 101], "share of 101 %"), ([50, 50], "One share makes no curve")],
)
def test_shares_that_make_no_curve(shares: list[float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_shares(shares)


def test_a_fold_learns_from_fewer_clips_than_there_are() -> None:
    assert learned_clips(200, 2) == 88


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def shares_of(store: LocalStore, tmp_path: Path, folder: Path) -> list[FinetuneJob]:
    whole = training_job(store, training_set(store, tmp_path / "clips"), folder, strategy="full", eval_every=1)
    return plan_shares(whole, [50, 100])


def test_shares_are_small_jobs_of_their_own_that_differ_in_clips(
    store: LocalStore, tmp_path: Path, folder: Path
) -> None:
    jobs = shares_of(store, tmp_path, folder)
    assert [(job.name, job.train_clips, job.publish) for job in jobs] == [
        ("tuned-curve-50", 3, False),
        ("tuned-curve-100", 6, False),
    ]
    whole = training_job(store, training_set(store, tmp_path / "clips"), folder, strategy="full", eval_every=1)
    assert len({whole.fingerprint, *(job.fingerprint for job in jobs)}) == 3
    assert all(FinetuneJob.model_validate_json(job.model_dump_json()) == job for job in jobs)
    assert max(len(job.model_dump_json()) for job in jobs) < 4096
    assert [example.id for example in clips_of(store, jobs[0]).train.examples] == sorted(
        example.id for example in clips_of(store, jobs[0]).train.examples
    )
    small, large = clips_of(store, jobs[0]).train, clips_of(store, jobs[1]).train
    for place, example in enumerate(small.examples):
        other = next(at for at, one in enumerate(large.examples) if one.id == example.id)
        assert (small.audio(place) == large.audio(other)).all()
    with pytest.raises(InputError, match="are both 6"):
        plan_shares(whole, [99, 100])


def test_a_part_leaves_texts_and_no_model_and_no_checkpoint(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    job = shares_of(store, tmp_path, folder)[0]
    result = finetune(store, job)
    assert (result.done, result.version) == (True, None)
    assert state(store, job) == result.model_copy(update={"cached": True})
    assert not versions(store)
    assert not Checkpoints(store, job.key).steps()
    for who, wer in (("base", result.dev_wer_before), ("tuned", result.dev_wer)):
        table = scored_table(store, job, who)
        assert count_column(table, "word_errors").sum() / count_column(table, "word_length").sum() == wer
        assert sorted(table["id"].to_pylist()) == [example.id for example in clips_of(store, job).dev.examples]


@pytest.mark.slow
def test_stopped_while_it_decodes_it_goes_on_and_says_the_same(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    job = shares_of(store, tmp_path, folder)[0]
    asked = 0

    def third() -> str | None:
        nonlocal asked
        asked += 1
        return "SIGTERM" if asked % 3 == 0 else None

    first = finetune(store, job, callbacks=Callbacks(should_stop=lambda: "SIGTERM"))
    assert (first.done, first.why, first.step) == (False, "stopped", 0)
    assert "decoded with the base model (SIGTERM)" in first.sentence
    results = [finetune(store, job, callbacks=Callbacks(should_stop=third))]
    while not results[-1].done:
        results.append(finetune(store, job, callbacks=Callbacks(should_stop=third)))
        assert len(results) < 30
    other = LocalStore(tmp_path / "other")
    straight = finetune(other, shares_of(other, tmp_path, folder)[0])
    assert (results[-1].dev_wer, results[-1].best_step) == (straight.dev_wer, straight.best_step)
    assert scored_table(store, job, "tuned").equals(scored_table(other, job, "tuned"))


def told(store: LocalStore, job: FinetuneJob, right: int) -> FinetuneResult:
    """Leave what a training leaves whose tuned model hears the first ``right`` test clips, and the base none."""
    from acento.inference.predictions import FILE

    clips = clips_of(store, job).test.examples
    for who in ("base", "tuned"):
        texts = [
            Prediction(clip.id, clip.text if who == "tuned" and place < right else "zzz")
            for place, clip in enumerate(clips)
        ]
        with store.publish(f"{job.key}/heard/{who}") as draft:
            write_predictions(draft.folder / FILE, texts)
    return FinetuneResult(
        key=job.key, name=job.name, done=True, why="finished", sentence="", step=3, steps=3, best_step=2,
        dev_wer_before=1.0, dev_wer=0.5, version=None, cached=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_curve_has_its_points_a_forecast_and_a_picture(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    card = training_set(store, tmp_path / "clips", train=12, dev=12)
    jobs = plan_shares(training_job(store, card, folder), [25, 50, 100])
    trainings = [(job, told(store, job, right)) for job, right in zip(jobs, (2, 5, 7), strict=True)]
    curve, key = publish_curve(store, "learning curve", trainings)
    assert [point.clips for point in curve.points] == [3, 6, 12]
    assert [point.wer.value for point in curve.points] == pytest.approx([10 / 12, 7 / 12, 5 / 12])
    assert (curve.base.value, curve.dev_clips) == (1.0, 12)
    assert [one.clips for one in curve.forecast.predicted] == [24, 48]
    assert curve.forecast.back_test is not None
    assert "From half the clips the forecast would have been" in curve.forecast.sentence
    assert store.read_bytes(key, PICTURE).startswith(b"\x89PNG")
    assert json.loads(store.read_bytes(key, "curve.json"))["points"][0]["clips"] == 3
    assert publish_curve(store, "learning curve", trainings) == (curve, key)


def test_folds_are_pooled_and_the_base_and_the_tuned_model_heard_the_same_clips(
    store: LocalStore, tmp_path: Path, folder: Path
) -> None:
    card = training_set(store, tmp_path / "clips", train=9, dev=3)
    jobs = plan_folds(
        store, card, resolve(str(folder)), Recipe(normalizer="basic"), name="tuned", options=DecodeOptions(), folds=3
    )
    assert [(job.train_clips, job.dev_clips) for job in jobs] == [(4, 4)] * 3
    assert len({job.fingerprint for job in jobs}) == 3
    for job, right in zip(jobs, (4, 3, 1), strict=True):
        told(store, job, right)
    report, key = publish_report(store, "3 folds", jobs)
    assert (report.unit, report.base.wer.value, report.tuned.clips, report.tuned.groups) == ("speaker", 1.0, 12, 3)
    assert report.tuned.wer.value == pytest.approx(4 / 12)
    assert [row.tuned for row in report.rows] == pytest.approx([0, 1 / 4, 3 / 4])
    assert report.delta == pytest.approx(-8 / 12)
    # of three speakers all three gain by chance in one of four trials
    assert "cannot tell a gain on speakers that were not trained on. 3 speakers are few" in report.sentence
    assert {"folds.json", "base.parquet", "tuned.parquet"} <= set(store.find(key).files)
    with pytest.raises(InputError, match="has no test split to make folds of; it has train, dev"):
        plan_folds(
            store, card, resolve(str(folder)), Recipe(), name="t", options=DecodeOptions(), folds=3, splits=["test"]
        )


def test_what_was_heard_is_not_heard_again(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    job = shares_of(store, tmp_path, folder)[0]
    told(store, job, 1)
    nobody: Any = None
    silent = Hooks(alive=pytest.fail)
    decode_test(store, job, "tuned", nobody, clips_of(store, job).test, silent)


def test_decoded_texts_stand_in_the_order_of_the_clips(store: LocalStore, tmp_path: Path, folder: Path) -> None:
    from acento.models.families import FAMILIES

    job = shares_of(store, tmp_path, folder)[1]
    clips = clips_of(store, job).train
    recognizer = FAMILIES["whisper"].load(folder, DecodeOptions(language="es"))
    at_once = decode(recognizer, clips, batch_size=2, language="es")
    assert [text.id for text in at_once] == [example.id for example in clips.examples]
    alone = [decode(recognizer, clips.chosen([place]), batch_size=2, language="es")[0] for place in range(len(at_once))]
    assert [text.text for text in alone] == [text.text for text in at_once]
