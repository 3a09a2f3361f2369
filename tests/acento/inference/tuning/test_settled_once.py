"""What runs a model is measured once for a machine and kept in the store; what a person asked for stands."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_recognizer import fake_model
from staged import staged

from acento.core.store import LocalStore
from acento.data.dataset import Card, load_card
from acento.inference.tuning import records, settle
from acento.inference.tuning.records import Machine
from acento.inference.tuning.settle import Asked, Settled, settle_batches, settle_engine
from acento.models.base import DecodeOptions, Recognizer
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.models.families import FAMILIES
from tests.acento.inference.tuning.made_up_engines import Clock, Written

ASKED = Asked(split="test", bound=1.0)
OPTIONS = DecodeOptions()


class Measuring:
    """A model that takes a tenth of the time in bfloat16, and half of it on two threads; counts how often it loads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: list[DecodeOptions] = []
        self.fails: Exception | None = None
        monkeypatch.setattr(settle, "_load", self.load)
        monkeypatch.setattr(settle, "cores", lambda: 4)
        monkeypatch.setattr(settle, "TUNED", frozenset({"fake"}))
        monkeypatch.setattr(settle, "measure_engines", self._by_own_clock(settle.measure_engines))
        monkeypatch.setattr(settle, "Probe", self._by_own_clock(settle.Probe))
        self.clock = Clock()

    def _by_own_clock(self, function: Callable[..., object]) -> Callable[..., object]:
        return lambda *args, **more: function(*args, **more, clock=self.clock)

    def load(self, _: Checkpoint, options: DecodeOptions) -> Recognizer:
        self.loaded.append(options)
        if self.fails is not None:
            raise self.fails
        a_window = (0.1 if options.dtype == "bfloat16" else 1.0) / options.threads**2
        return Written(self.clock, seconds=lambda windows: a_window * windows)


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Measuring:
    return Measuring(monkeypatch)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stocked")
    staged(LocalStore(folder / "store"), folder / "clips", 24)
    return folder / "store"


@pytest.fixture
def store(stocked: Path, tmp_path: Path) -> LocalStore:
    return LocalStore(Path(shutil.copytree(stocked, tmp_path / "store")))


@pytest.fixture
def card(store: LocalStore) -> Card:
    return load_card(store, "demo")


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    from fake_recognizer import FAKE

    monkeypatch.setitem(FAMILIES, "fake", FAKE)
    return resolve(str(fake_model(tmp_path / "model")))


def batches(store: LocalStore, card: Card, checkpoint: Checkpoint, asked: Asked = ASKED) -> Settled:
    return settle_batches(store, card, Settled(checkpoint, OPTIONS, 2), asked)


def recorded(store: LocalStore) -> list[str]:
    return [*store.list_files("tuning")]


def test_an_engine_is_measured_once(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    first = settle_engine(store, card, checkpoint, OPTIONS, ASKED)
    assert first.options.dtype == "bfloat16"
    assert "times as fast as transformers float32" in first.why
    count = len(measuring.loaded)
    assert count == 2
    assert settle_engine(store, card, checkpoint, OPTIONS, ASKED) == first
    assert len(measuring.loaded) == count
    assert len(recorded(store)) == 1


def test_another_bound_needs_no_other_measurement(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    assert settle_engine(store, card, checkpoint, OPTIONS, ASKED).options.dtype == "bfloat16"
    strict = settle_engine(store, card, checkpoint, OPTIONS, replace(ASKED, bound=0.0))
    assert strict.options.dtype == "float32"
    assert strict.why.startswith("transformers float32 stays")
    assert len(measuring.loaded) == 2


def test_another_machine_is_measured_anew(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_engine(store, card, checkpoint, OPTIONS, ASKED)
    other = Machine(device="another", cores=64, memory_gb=512, libraries={})
    monkeypatch.setattr(settle, "this_machine", lambda _: other)
    settle_engine(store, card, checkpoint, OPTIONS, ASKED)
    assert len(measuring.loaded) == 4
    assert len(recorded(store)) == 2


@pytest.mark.usefixtures("measuring")
def test_a_dtype_that_was_asked_for_stands(store: LocalStore, card: Card, checkpoint: Checkpoint) -> None:
    assert settle_engine(store, card, checkpoint, OPTIONS, replace(ASKED, dtype="float32")).options.dtype == "float32"


def test_a_name_that_says_what_reads_it_stands(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    named = replace(checkpoint, id=f"{checkpoint.id}:transformers")
    assert settle_engine(store, card, named, OPTIONS, ASKED).options == OPTIONS
    assert not measuring.loaded


def test_threads_and_batch_are_tried_out_once(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    first = batches(store, card, checkpoint)
    assert first.options.threads == 4
    assert first.workers == 1, "four threads are all that the cores hold"
    assert first.why.startswith(f"4 threads, batch {first.batch_size}, ")
    count = len(measuring.loaded)
    assert batches(store, card, checkpoint) == first
    assert len(measuring.loaded) == count


def test_threads_and_batch_that_were_asked_for_stand(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    found = batches(store, card, checkpoint, replace(ASKED, threads=1))
    assert found.options.threads == 1
    assert found.workers is None
    assert {options.threads for options in measuring.loaded} == {1}
    assert batches(store, card, checkpoint, replace(ASKED, batch_size=2)).batch_size == 2
    assert not settle.is_tuned(Settled(checkpoint, OPTIONS, 2), replace(ASKED, threads=1, batch_size=2))


def test_where_nothing_may_be_measured_the_defaults_stay_until_something_was(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    dry = replace(ASKED, measure=False)
    assert settle_engine(store, card, checkpoint, OPTIONS, dry).options == OPTIONS
    assert batches(store, card, checkpoint, dry).options == OPTIONS
    assert not measuring.loaded
    assert not recorded(store)
    settled = settle_engine(store, card, checkpoint, OPTIONS, ASKED)
    assert settle_engine(store, card, checkpoint, OPTIONS, dry) == settled


def test_a_kill_before_the_record_is_written_leaves_nothing_and_the_next_call_measures(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(settle, "keep_record", killed)
        for attempt in (
            lambda: settle_engine(store, card, checkpoint, OPTIONS, ASKED),
            lambda: batches(store, card, checkpoint),
        ):
            with pytest.raises(KeyboardInterrupt):
                attempt()
    assert not recorded(store)
    assert settle_engine(store, card, checkpoint, OPTIONS, ASKED).options.dtype == "bfloat16"
    assert batches(store, card, checkpoint).options.threads == 4
    assert len(recorded(store)) == 2
    assert measuring.loaded


def test_a_model_that_fails_while_it_is_tried_out_runs_by_default_and_is_tried_again(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    measuring.fails = RuntimeError("out of memory")
    found = batches(store, card, checkpoint)
    assert found.options == OPTIONS
    assert found.why == "1 thread, batch 2 by default, as trying out others failed: RuntimeError: out of memory"
    assert not recorded(store)
    measuring.fails = None
    assert batches(store, card, checkpoint).options.threads == 4


def test_of_two_that_measure_at_a_time_both_take_what_was_kept_first(store: LocalStore) -> None:
    one, other = (Machine(device=name, cores=1, memory_gb=1, libraries={}) for name in ("one", "other"))
    assert records.keep_record(store, "tuning/x.json", one) == one
    assert records.keep_record(store, "tuning/x.json", other) == one


def test_a_record_that_cannot_be_read_is_as_none(
    store: LocalStore, card: Card, checkpoint: Checkpoint, measuring: Measuring
) -> None:
    settle_engine(store, card, checkpoint, OPTIONS, ASKED)
    (key,) = recorded(store)
    store.remove(key)
    store.create_exclusive(key, b"{")
    assert settle_engine(store, card, checkpoint, OPTIONS, ASKED).options.dtype == "bfloat16"
    assert len(measuring.loaded) == 4
