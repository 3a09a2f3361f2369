"""What nobody refers to can go, and nothing else: found first, removed when agreed, whoever works meanwhile."""

import os
import signal
import time

import pytest
from benchmarked import benchmarked
from fake_recognizer import FAKE, fake_model
from faults import tree
from made_up import good, make_set
from stores import put

from acento.core.store import LocalStore
from acento.core.store.coordination import Lease
from acento.core.store.upkeep.garbage import collect, find_garbage
from acento.core.store.upkeep.usage import survey
from acento.data.dataset import load_card
from acento.data.staging.removal import chosen_versions, remove_versions
from acento.inference import jobs as job_module
from acento.inference.benchmark import jobs, plan_transcription
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.runs.leaderboards import leaderboard
from acento.registry.runs.records import begin, find_run, utc_now
from acento.requests import BenchmarkRequest

LATER = 3600.0
"""Seconds after everything was written: what the tests take as now, with no grace period."""


@pytest.fixture(autouse=True)
def _fake_family(monkeypatch):
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)


def found(store, grace_s=0.0):
    return find_garbage(store, grace_s=grace_s, now=time.time() + LATER)


def doomed(store):
    return {one.key for one in found(store).doomed}


def clean(store):
    return collect(store, found(store), grace_s=-LATER)


@pytest.fixture
def model(tmp_path):
    return str(fake_model(tmp_path / "model"))


def heard(store, model, name="made-up"):
    """Decode a data set's test split for nobody; return the job's key."""
    what = plan_transcription(store, load_card(store, name), resolve(model), split="test", options=DecodeOptions())
    (job,) = jobs(store, what)
    Runner(store).execute(job)
    return job.key


def test_what_a_run_rests_on_stays_and_what_no_run_asked_for_goes(store, model, tmp_path):
    make_set(store, [good(0, 5)])
    run = benchmarked(store, [model], ["made-up"])
    table = leaderboard(store).to_markdown()
    other = heard(store, str(fake_model(tmp_path / "other", infer_s=0.001)))
    before = set(survey(store))
    assert doomed(store) == {other}
    gone = clean(store)
    assert {one.key for one in gone} == {other}
    assert {one.why for one in gone} == {"transcriptions that no run refers to"}
    assert doomed(store) == {f"measurements/{other.partition('/')[2]}"}
    clean(store)
    assert set(survey(store)) == before - {other, f"measurements/{other.partition('/')[2]}"}
    assert leaderboard(store).to_markdown() == table
    assert find_run(store, run)
    assert doomed(store) == set()


def test_audio_stays_while_any_version_has_it(store):
    first = make_set(store, [good(0, 5)])
    second = make_set(store, [good(0, 5), good(5, 5)], version=2)
    lone = make_set(store, [good(10, 5)], name="other")
    store.remove(second.key)
    store.remove(lone.key)
    assert doomed(store) == {second.parts[1].key, lone.parts[0].key}
    clean(store)
    assert all(store.find(part.key, verify=True) for part in first.parts)


def test_nothing_younger_than_the_grace_period_goes(store):
    put(store, "parts/young")
    garbage = find_garbage(store, grace_s=3600)
    assert garbage.doomed == ()
    assert garbage.younger == 1
    assert found(store, grace_s=LATER / 2).younger == 0


@pytest.mark.parametrize("kind", ["models", "searches", "curves", "crossvalidations", "of-a-friend"])
def test_what_a_person_made_is_never_garbage(store, kind):
    put(store, f"{kind}/a/b")
    store.create_exclusive("requests/a.json", b"{}")
    assert doomed(store) == set()


def test_while_a_run_has_not_ended_what_it_may_use_stays_and_it_says_why(store, model):
    make_set(store, [good(0, 5)])
    job = heard(store, model)
    begin(store, BenchmarkRequest(models=[model], datasets=["made-up"]), {}, "night", utc_now())
    garbage = find_garbage(store, grace_s=0, now=time.time() + LATER)
    assert job in {one.key for one in garbage.doomed}, "with no grace an unfinished run counts as given up"
    garbage = find_garbage(store, grace_s=LATER / 2, now=time.time() + LATER)
    assert garbage.doomed == ()
    assert any("run night has not ended" in sentence for sentence in garbage.held)


def test_a_run_that_starts_after_the_look_keeps_what_it_may_use(store, model):
    make_set(store, [good(0, 5)])
    heard(store, model)
    garbage = find_garbage(store, grace_s=LATER / 2, now=time.time() + LATER)
    assert garbage.doomed
    begin(store, BenchmarkRequest(models=[model], datasets=["made-up"]), {}, "night", utc_now())
    assert collect(store, garbage, grace_s=LATER / 2) == []
    assert {one.key for one in garbage.doomed} <= set(survey(store))


def test_what_was_written_to_after_the_look_stays(store):
    put(store, "boards/b/jobs")
    garbage = find_garbage(store, grace_s=0, now=time.time() + 48 * 3600)
    store.create_exclusive("boards/b/beats/one", b"{}")
    assert collect(store, garbage, grace_s=-48 * 3600) == []
    assert store.find("boards/b/jobs")


def test_a_training_that_goes_on_keeps_its_checkpoints_and_one_that_ended_does_not(store):
    put(store, "jobs/ended/checkpoints/00000001")
    put(store, "jobs/ended/result/name")
    put(store, "jobs/given-up/checkpoints/00000001")
    put(store, "jobs/going/checkpoints/00000001")
    put(store, "prepared/audio")
    with Lease(store, "jobs/going/lease", "a training is under way"):
        assert doomed(store) == set()
        assert any("a training goes on" in sentence for sentence in found(store).held)
    assert {(one.key, one.why.rpartition("that ")[2]) for one in found(store).doomed} == {
        ("jobs/ended", "have ended"),
        ("jobs/given-up", "were left unfinished"),
        ("jobs/going", "were left unfinished"),
        ("prepared/audio", "prepared audio (made again when a training needs it)"),
    }
    clean(store)
    assert list(store.list("jobs")) == ["jobs/ended/result/name"]


def test_what_a_killed_writer_left_goes(place, store):
    put(store, "scores/a")
    put(store, "datasets/x/000001")
    place.delete("datasets/x/000001/_complete.json")
    benchmark = [one for one in found(store).doomed if one.key == "datasets/x"]
    assert [one.why for one in benchmark] == ["files of writers that were killed"]
    clean(store)
    assert place.names() == []


def test_a_damaged_card_stops_the_look_with_a_sentence(store):
    from acento.core.errors import AcentoError

    make_set(store, [good(0, 5)])
    put(store, "datasets/broken/000001")
    with pytest.raises(AcentoError, match="broken"):
        found(store)


def test_notes_and_verdicts_of_a_data_set_that_was_removed_go(store):
    card = make_set(store, [good(0, 5)])
    put(store, "validations/kept")
    store.create_exclusive("verdicts/made-up/000001/000001.json", b'{"validation": "validations/kept"}')
    put(store, "validations/older")
    assert doomed(store) == {"validations/older"}
    remove_versions(store, chosen_versions(store, "made-up"))
    assert doomed(store) == {"validations/older", "validations/kept", "verdicts/made-up"}
    assert card.key not in set(store.list("datasets"))


@pytest.mark.slow
def test_killed_at_any_removal_only_whole_things_are_left_and_the_same_again_ends_it(tmp_path):
    roots = iter(range(10**6))

    def prepared():
        root = tmp_path / str(next(roots))
        store = LocalStore(root)
        make_set(store, [good(0, 5)])
        for number in range(3):
            put(store, f"prepared/{number}")
        return root

    def child(root, kill_at):
        """Collect in a forked process that is killed before its removal of this number."""
        pid = os.fork()
        if pid == 0:
            store, count = LocalStore(root), 0
            real = os.unlink

            def unlink(*arguments, **options):
                nonlocal count
                count += 1
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                real(*arguments, **options)

            os.unlink = unlink
            try:
                clean(store)
            finally:
                os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    whole = prepared()
    assert child(whole, 0) == 0
    kill_at, killed = 1, True
    while killed:
        root = prepared()
        killed = child(root, kill_at) == -signal.SIGKILL
        store = LocalStore(root)
        for key in store.list("prepared"):
            assert store.find(key, verify=True), f"killed before removal {kill_at}"
        clean(store)
        assert {name for name in tree(root) if "." in name} == {name for name in tree(whole) if "." in name}
        kill_at += 1
    assert kill_at > 4
