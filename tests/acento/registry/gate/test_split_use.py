"""How often a test split has been looked at: models by content, runs by name, all versions of the data set."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from made_up import good, make_set

from acento.core.store.local import LocalStore
from acento.core.text import normalizer
from acento.registry.gate.evidence import SplitUse, count_uses, split_use
from acento.scoring.entry import Entry
from acento.scoring.score import UtteranceResult, score_utterances, summarize

NONE = normalizer("none")
SCORE = summarize(
    score_utterances([UtteranceResult("a", "uno", "uno", None, "test", None, None, 1.0)], NONE), NONE, resamples=10
)


def entry(model: str, run: str, fingerprint: str = "f1", split: str = "test", limit: int | None = None) -> Entry:
    return Entry(
        model=f"model {run}",
        revision=None,
        model_hash=model,
        dataset="demo v1",
        dataset_fingerprint=fingerprint,
        split=split,
        limit=limit,
        score=SCORE,
        speed=None,
        run=run,
        when=datetime(2026, 11, 20, tzinfo=UTC),
    )


def test_models_count_by_content_and_runs_by_name() -> None:
    looks = [entry("m1", "r1"), entry("m2", "r1"), entry("m1", "r2"), entry("m3", "r3", limit=5)]
    uses = count_uses(looks, "demo", {"f1"}, "test")
    assert (uses.models, uses.runs) == (3, 3)


def test_a_run_on_all_splits_is_a_look_at_each_of_them() -> None:
    looks = [entry("m1", "r1", split="all"), entry("m2", "r2"), entry("m3", "r3", fingerprint="other", split="all")]
    assert count_uses(looks, "demo", {"f1"}, "test").models == 2
    assert count_uses(looks, "demo", {"f1"}, "dev").models == 1


def test_other_splits_and_other_data_do_not_count() -> None:
    looks = [entry("m1", "r1", split="dev"), entry("m2", "r2", fingerprint="other"), entry("m3", "r3")]
    assert count_uses(looks, "demo", {"f1"}, "test").models == 1


def test_every_version_that_is_named_counts() -> None:
    looks = [entry("m1", "r1", fingerprint="f1"), entry("m2", "r2", fingerprint="f2")]
    assert count_uses(looks, "demo", {"f1", "f2"}, "test").models == 2


@pytest.mark.parametrize(
    ("models", "runs", "said"),
    [
        (0, 0, "No model has been judged on the test split of demo before."),
        (1, 2, "The test split of demo has judged 1 model in 2 runs so far; each further look"),
        (7, 1, "The test split of demo has judged 7 models in 1 run so far; each further look"),
    ],
)
def test_it_is_said_in_a_sentence(models: int, runs: int, said: str) -> None:
    assert SplitUse(dataset="demo", split="test", models=models, runs=runs).sentence.startswith(said)


def test_the_runs_in_the_store_are_counted_over_all_versions(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    first, second = make_set(store, [good()], "demo"), make_set(store, [good(), good(10)], "demo", 2)
    other = make_set(store, [good(20)], "other")
    assert split_use(store, first).models == 0
    cards = {"r1": first, "r2": second, "r3": other}
    for run, card in cards.items():
        found = entry(f"model of {run}", run, fingerprint=card.fingerprint)
        with store.publish(f"runs/{run}") as draft:
            body = [{"entry": found.model_dump(mode="json"), "score": "scores/x"}]
            (draft.folder / "entries.json").write_text(json.dumps(body))
    assert split_use(store, first) == split_use(store, second)
    assert (split_use(store, first).models, split_use(store, first).runs) == (2, 2)
    assert split_use(store, other).models == 1
    assert split_use(store, first, "dev").models == 0
