"""What in a store refers to what: the runs, models and data sets that a person made, and all that they rest on."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from acento.core.errors import AcentoError
from acento.core.store.base import Store
from acento.core.store.usage import Group

IN_PROGRESS_S = 24 * 3600.0
"""Seconds after its last sign of life during which what is shared by placements counts as in use."""


@dataclass(slots=True)
class Live:
    """The keys of what is referred to, and why some things are kept that nothing refers to."""

    keys: set[str] = field(default_factory=set)
    """Of groups: ``parts/<fingerprint>``, ``jobs/<fingerprint>`` and so on."""
    titles: set[str] = field(default_factory=set)
    """Data sets by name and version, such as ``santiago@2``."""
    work: list[str] = field(default_factory=list)
    """What is under way, in words: while there is any, what a run may be using is kept."""
    unclear: list[str] = field(default_factory=list)
    """What could not be read, in words: while there is any, transcriptions and scores are kept."""


def find_live(store: Store, groups: dict[str, Group], grace_s: float) -> Live:
    """Read what there is and return what it refers to.

    Raises:
        StoreError: a data set's card is damaged, so that nobody can say which audio is needed.
    """
    live = Live()
    _of_datasets(store, live)
    _of_verdicts(store, live, groups)
    _of_runs(store, live)
    _of_work(store, live, groups, grace_s)
    return live


def _of_datasets(store: Store, live: Live) -> None:
    from acento.data.dataset import dataset_names, load_card, versions
    from acento.validation.measure import measures_key

    for name in dataset_names(store):
        for number in versions(store, name):
            card = load_card(store, f"{name}@{number}")
            live.titles.add(f"{name}@{number}")
            live.keys |= {card.key} | {part.key for part in card.parts}
            live.keys |= {measures_key(part.key) for part in card.parts}


def _of_verdicts(store: Store, live: Live, groups: dict[str, Group]) -> None:
    for group in groups.values():
        if group.kind == "verdicts":
            for key in group.files:
                _, name, number, _ = key.split("/")
                if f"{name}@{int(number)}" in live.titles:
                    live.keys.add(_json(store, key).get("validation", ""))


def _of_runs(store: Store, live: Live) -> None:
    from acento.inference.jobs import TranscribeJob
    from acento.inference.plan import load_plan
    from acento.models.families import FAMILIES

    for run in store.list("runs"):
        live.keys.add(run)
        try:
            for result in json.loads(store.read_bytes(run, "run.json"))["results"]:
                live.keys |= {result["score"], result["decoding"]["plan"]}
                options = {
                    name: said for name, said in result["decoding"].items() if name not in ("plan", "batch_size")
                }
                plan = load_plan(store, result["decoding"]["plan"])
                for part in plan.parts:
                    job = TranscribeJob.model_validate(
                        {
                            "plan": plan.key,
                            "part": part.index,
                            "part_digest": part.digest,
                            "batch_size": result["decoding"]["batch_size"],
                            "clips": part.clips,
                            "seconds": part.seconds,
                            "model": result["model"],
                            "options": options,
                        }
                    )
                    for version in range(1, FAMILIES[job.model.family].decoding_version + 1):
                        live.keys.add(f"jobs/{job.fingerprint_at(version)}")
        except (AcentoError, KeyError, ValueError) as error:
            live.unclear.append(f"what {run} rests on cannot be read ({str(error).rstrip('.')})")


def _of_work(store: Store, live: Live, groups: dict[str, Group], grace_s: float) -> None:
    """Find runs that have not ended, trainings that go on, and what is shared by placements."""
    from acento.training.lease import Holder

    now = time.time()
    for key, group in groups.items():
        if group.kind == "requests":
            name = key.partition("/")[2].removesuffix(".json")
            if f"runs/{name}" not in groups and now - group.newest < grace_s:
                live.work.append(f"run {name} has not ended")
        elif group.kind == "jobs":
            leases = sorted(file for file in group.files if "/lease/" in file)
            data = store.read_file(leases[-1]) if leases else None
            if data is not None and Holder(**json.loads(data)).holds(now):
                live.work.append(f"a training goes on ({key[:17]})")
                live.keys.add(key)
        elif group.kind == "boards" and now - group.newest < IN_PROGRESS_S:
            live.work.append(f"placements share jobs ({key})")
            live.keys.add(key)
        elif group.kind == "removals":
            live.work.append(f"a removal of a data set has not ended ({key})")


def _json(store: Store, key: str) -> dict[str, Any]:
    return dict(json.loads(store.read_file(key) or b"{}"))
