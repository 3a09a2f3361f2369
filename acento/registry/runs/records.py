"""Runs: that somebody asked for a benchmark, when and with what, and the files that came of it.

``requests/<id>.json`` is written when a run begins, ``runs/<id>/`` whole when it ends: a request without its run was
killed, failed, or is going on. What was computed lies elsewhere (``jobs/``, ``scores/``) and outlives both.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acento.core.errors import AcentoError, InputError
from acento.core.provenance import code_version, library_versions, machine
from acento.core.store import Artifact, Store
from acento.core.store.base import check_key
from acento.core.store.upkeep.usage import Group, Live
from acento.inference.batch_check import check_batches
from acento.inference.benchmark import Scored, Transcription, clock, load_score, make_entry
from acento.inference.jobs import Measurement, TranscribeJob
from acento.inference.plan import load_plan
from acento.models.families import FAMILIES
from acento.registry.report.page import run_page
from acento.registry.runs.request import RunRequest
from acento.scoring.boards.leaderboard import Leaderboard, rank
from acento.scoring.entry import Entry, ScoredRun, write_results
from acento.scoring.stored import UTTERANCES
from acento.validation.verdict import NOT_VALIDATED

RUN, REPORT, _ENTRIES = "run.json", "report.html", "entries.json"
_FORMER_NORMALIZER = "chilean-leaderboard"
"""What scored texts where nobody named a normalizer, before that followed the language."""
_CLOCKS = ("read_wait_s", "inference_s", "read_s", "features_s", "model_s", "text_s")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the list of runs shows."""

    id: str
    began: datetime
    finished: datetime | None
    """None: killed, failed, or going on."""
    request: RunRequest


def begin(
    store: Store,
    request: RunRequest,
    inputs: Mapping[str, str],
    job_id: str | None,
    now: datetime,
    validation: Mapping[str, str] | None = None,
) -> str:
    """Write down that a run was asked for; return its id. The same request under the same id is taken up again.

    ``inputs`` has the fingerprint of each data set and model that was named, ``validation`` how the last validation of
    each data set (``NAME@VERSION``) ended. Without a ``job_id`` the run is named by the time.

    Raises:
        InputError: the id is taken by another request, or cannot be a file's name.
    """
    if job_id is not None:
        check_key(job_id)
        if "/" in job_id:
            raise InputError(f"Job id {job_id!r} is part of a file name and cannot hold a slash.")
    name = job_id or f"{now:%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(2)}"  # sorts by time and is its own
    asked = request.model_dump(mode="json", exclude={"job_id", "budget", "dry_run"})
    body = {
        "began": now.isoformat(timespec="seconds"),
        "request": asked,
        "inputs": dict(inputs),
        "validation": dict(validation or {}),
    }
    if not store.create_exclusive(f"requests/{name}.json", json.dumps(body, indent=1).encode()):
        known = json.loads(store.read_file(f"requests/{name}.json") or b"{}")
        if not _same_request(known.get("request", {}), request) or known.get("inputs") != dict(inputs):
            raise InputError(
                f"Job id {name} belongs to another request, or its models or data have changed since; "
                "choose another id, or leave it out."
            )
    return name


def _same_request(stored: Mapping[str, Any], request: RunRequest) -> bool:
    """Tell whether a run that began is what is asked for now.

    What an older version had no word for it did as it is done by default; but texts it scored by one normalizer, where
    nobody named one.
    """
    asked = request.model_dump(mode="json", exclude={"job_id"})
    usual = {name: field.get_default() for name, field in type(request).model_fields.items() if name in asked}
    if asked.get("normalizer") is None and stored.get("normalizer") == _FORMER_NORMALIZER:
        asked["normalizer"] = _FORMER_NORMALIZER
    return {**usual, **stored} == asked


def asked_normalizer(store: Store, run: str) -> str | None:
    """Return the normalizer that a run began with; None: that of each data set's language."""
    found: str | None = (
        json.loads(store.read_file(f"requests/{run}.json") or b"{}").get("request", {}).get("normalizer")
    )
    return found


@dataclass(frozen=True, slots=True)
class Finished:
    """A run's end: the artifact, and what a person is shown."""

    artifact: Artifact
    folder: Path
    leaderboard: Leaderboard

    @property
    def run(self) -> str:
        """The run's id."""
        return self.artifact.key.rpartition("/")[2]


def finish(
    store: Store,
    run: str,
    scored: Sequence[tuple[Transcription, Scored]],
    now: datetime,
    left_out: Mapping[str, str] | None = None,
) -> Finished:
    """Publish a run: the CSV files, the leaderboard, the report, and ``run.json`` with the origin of every number.

    What could not be measured, ``left_out``, is said with the reasons in the report and on the leaderboard returned.
    """
    _, request = _request(store, run)
    entries = []
    for what, score in scored:
        entry = make_entry(store, what, score, run, now, request.repeats)
        entries.append((entry.model_copy(update={"batch_check": check_batches(store, what)}), score.key))
    provenance = [
        _provenance(store, run, what, score, entry) for (what, score), (entry, _) in zip(scored, entries, strict=True)
    ]
    return publish_run(store, run, entries, provenance, now, left_out)


def publish_run(
    store: Store,
    run: str,
    entries: Sequence[tuple[Entry, str]],
    provenance: Sequence[Mapping[str, Any]],
    now: datetime,
    left_out: Mapping[str, str] | None = None,
) -> Finished:
    """Publish a run of entries, each with the key of its score, and of what is to be known of each one's origin."""
    began, request = _request(store, run)
    board = replace(_rank(store, entries), left_out=left_out or {})
    wall_s = (now - began).total_seconds()
    body = {
        "id": run,
        "began": began.isoformat(timespec="seconds"),
        "finished": now.isoformat(timespec="seconds"),
        "wall_s": wall_s,
        "request": request.model_dump(mode="json"),
        "acento": code_version(),
        "libraries": library_versions(),
        "machine": machine(),
        "results": [*provenance],
        "left_out": dict(left_out or {}),
    }
    listed = [{"entry": entry.model_dump(mode="json"), "score": key} for entry, key in entries]
    with store.publish(f"runs/{run}") as draft:
        tables = [ScoredRun(entry, utterances_of(store, key), wall_s) for entry, key in entries]
        write_results(draft.folder, run, tables)
        (draft.folder / "leaderboard.md").write_text(board.to_markdown(), encoding="utf-8")
        page = run_page(store, body, board, tables_of(store, entries))
        (draft.folder / REPORT).write_text(page, encoding="utf-8")
        for name, value in {_ENTRIES: listed, RUN: body}.items():
            text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
            (draft.folder / name).write_text(text, encoding="utf-8")
    artifact = store.find(f"runs/{run}")
    if artifact is None:
        raise store.missing(f"runs/{run}")
    return Finished(artifact, store.local_folder(artifact.key), board)


def runs(store: Store) -> list[RunInfo]:
    """Return every run, the oldest first, finished or not."""
    done = {key.rpartition("/")[2] for key in store.list("runs")}
    found = []
    for key in store.list_files("requests"):
        name = key.rpartition("/")[2].removesuffix(".json")
        began, request = _request(store, name)
        ended = json.loads(store.read_bytes(f"runs/{name}", RUN))["finished"] if name in done else None
        found.append(RunInfo(name, began, ended and datetime.fromisoformat(ended), request))
    return sorted(found, key=lambda info: (info.began, info.id))


def find_run(store: Store, run: str) -> Artifact:
    """Return a finished run, by its id or ``latest``.

    Raises:
        InputError: there is none.
    """
    finished = [info.id for info in runs(store) if info.finished]
    if run == "latest" and finished:
        run = finished[-1]
    if run not in finished:
        known = ", ".join(finished[-5:]) or "none yet: acento benchmark"
        raise InputError(f"There is no finished run {run!r} in {store.url} (the latest: {known}).")
    found = store.find(f"runs/{run}")
    if found is None:
        raise InputError(f"Run {run} in {store.url} is damaged; run the benchmark again under another id.")
    return found


def chosen_in(store: Store, run: str) -> list[str]:
    """Return what of engines, threads and batch sizes was chosen by measuring in a finished run, a sentence each."""
    results = json.loads(store.read_bytes(f"runs/{run}", RUN))["results"]
    return [f"{one['model']['id']}: {one['chosen']}" for one in results if one.get("chosen")]


def run_leaderboard(store: Store, run: str) -> Leaderboard:
    """Return the leaderboard of one finished run."""
    return _rank(store, list(entries_of(store, f"runs/{run}")))


def entries_of(store: Store, key: str) -> Iterator[tuple[Entry, str]]:
    """Yield every entry of a finished run, with the key of its score."""
    for row in json.loads(store.read_bytes(key, _ENTRIES)):
        yield Entry.model_validate(row["entry"]), row["score"]


def _rank(store: Store, entries: Sequence[tuple[Entry, str]]) -> Leaderboard:
    """Rank entries, each given with the key of its score."""
    return rank([entry for entry, _ in entries], tables_of(store, entries))


def tables_of(store: Store, entries: Sequence[tuple[Entry, str]]) -> Callable[[Entry], pa.Table]:
    """Return what finds the table of utterances of an entry, of entries given with the keys of their scores."""

    def identity(entry: Entry) -> tuple[str, ...]:
        return entry.run, entry.model_hash, entry.model, entry.dataset, entry.split, entry.score.normalizer

    keys = {identity(entry): key for entry, key in entries}
    return lambda entry: utterances_of(store, keys[identity(entry)])


def _request(store: Store, run: str) -> tuple[datetime, RunRequest]:
    data = store.read_file(f"requests/{run}.json")
    if data is None:
        raise InputError(f"Nobody asked for a run {run!r} in {store.url}.")
    body = json.loads(data)
    return datetime.fromisoformat(body["began"]), RunRequest.model_validate(body["request"])


def validation_of(store: Store, run: str) -> dict[str, str]:
    """Return how the last validation of each data set (``NAME@VERSION``) had ended when a run began."""
    said: dict[str, str] = json.loads(store.read_file(f"requests/{run}.json") or b"{}").get("validation", {})
    return said


def utterances_of(store: Store, key: str) -> pa.Table:
    """Return the table of utterances of a stored score."""
    return pq.read_table(store.local_path(key, UTTERANCES))


def _provenance(store: Store, run: str, what: Transcription, score: Scored, entry: Entry) -> dict[str, Any]:
    return {
        "model": what.model.model_dump(),
        "dataset": {
            "name": what.dataset,
            "fingerprint": what.dataset_fingerprint,
            "validation": validation_of(store, run).get(what.dataset, NOT_VALIDATED),
            "split": what.split,
            "limit": what.limit,
            "clips": what.clips,
            "audio_s": what.seconds,
        },
        "decoding": _decoding(what),
        "chosen": what.chosen,
        "batch_check": what.batch_check and {"decoding": _decoding(what.batch_check), "model": what.model.model_dump()},
        "normalizer": load_score(store, score.key).normalizer,
        "language": what.language,
        "score": score.key,
        "texts_sha256": score.digest,
        "measured": _times(clock(store, what))
        | {
            "cost": entry.cost and entry.cost.model_dump(),
            "repeats": entry.speed and entry.speed.repeats,
            "changed_texts": entry.speed and entry.speed.changed,
        },
    }


def _decoding(what: Transcription) -> dict[str, Any]:
    return what.options.model_dump() | {"batch_size": what.batch_size, "plan": what.plan}


def _times(measured: Sequence[Measurement]) -> dict[str, Any]:
    """Return what the clock said, summed over a transcription's parts."""
    clocks = [one.timings for one in measured]
    on_gpu = any(one.options.device_type != "cpu" for one in measured)
    return {
        "devices": sorted({one.device for one in measured}),
        "backends": sorted({one.backend for one in measured}),
        "placements": sorted({one.placements for one in measured}),
        "first": min((one.when for one in measured), default=None),
        "last": max((one.when for one in measured), default=None),
        "attempts": len(measured),
        "windows": sum(one.windows for one in measured),
        "runaways": sum(one.runaways for one in measured),
        "batches_split_for_memory": [list(split) for one in measured for split in one.splits],
        **{name: sum(getattr(one, name) for one in measured) for name in ("load_s", "warm_up_s")},
        "decode_wall_s": sum(one.wall_s for one in clocks),
        **{name: sum(getattr(one, name) for one in clocks) for name in _CLOCKS},
        "gpu_s": sum(one.load_s + one.warm_up_s + one.timings.wall_s for one in measured) if on_gpu else 0.0,
    }


def mark_live(store: Store, groups: Mapping[str, Group], live: Live) -> None:
    """Tell the garbage collector what runs rest on, and which have not ended."""
    for key, group in groups.items():
        name = key.partition("/")[2].removesuffix(".json")
        if group.kind == "requests" and f"runs/{name}" not in groups and time.time() - group.newest < live.grace_s:
            live.work.append(f"run {name} has not ended")
    for run in store.list("runs"):
        live.keys.add(run)
        try:
            for result in json.loads(store.read_bytes(run, RUN))["results"]:
                live.keys.add(result["score"])
                for done in filter(None, (result, result.get("batch_check"))):
                    if "decoding" in done:  # texts that others made have no jobs
                        live.keys |= {done["decoding"]["plan"], *_jobs_of(store, done)}
        except (AcentoError, KeyError, ValueError) as error:
            live.unclear.append(f"what {run} rests on cannot be read ({str(error).rstrip('.')})")


def _jobs_of(store: Store, result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the store's keys of the transcriptions behind a run's result, by each version of the decoding code."""
    options = dict(result["decoding"])
    plan, batch_size = load_plan(store, options.pop("plan")), options.pop("batch_size")
    fixed: dict[str, Any] = {"batch_size": batch_size, "model": result["model"], "options": options}
    for part in plan.parts:
        place = {"plan": plan.key, "part": part.index, "part_digest": part.digest}
        job = TranscribeJob.model_validate(fixed | place | {"clips": part.clips, "seconds": part.seconds})
        for version in range(1, FAMILIES[job.model.family].decoding_version + 1):
            yield f"jobs/{job.fingerprint_at(version)}"


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)
