"""Runs that need no model: texts of others that are kept as a run, and a run whose texts are scored again.

A score keeps every text as it was given, so that another normalizer needs nothing but the score.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow.parquet as pq

from acento.core.fingerprint import fingerprint, fingerprint_rows
from acento.core.store import Store
from acento.core.text import Normalizer, normalizer_for
from acento.core.text.language import resolve_language
from acento.inference.benchmark import SCORING_VERSION, load_score
from acento.inference.predictions import Prediction, digest
from acento.registry.runs.records import RUN, Finished, begin, entries_of, find_run, publish_run, utc_now
from acento.registry.runs.request import RunRequest
from acento.scoring.batches import batches
from acento.scoring.counting.alternatives import has_alternatives
from acento.scoring.entry import Entry
from acento.scoring.files.systems import System
from acento.scoring.files.transcript import Transcripts
from acento.scoring.score import UtteranceResult
from acento.scoring.speakers.score import SpeakerOptions, SpeakerScore
from acento.scoring.speakers.spoken import Conversations
from acento.scoring.speakers.stored import (
    SPEAKERS,
    SPOKEN,
    facts_of,
    read_speakers,
    read_spoken,
    write_speakers,
)
from acento.scoring.stored import UTTERANCES, write_score
from acento.validation.verdict import NOT_VALIDATED

KIND = "score"
"""What the request of such a run says that it is."""


def keep(
    store: Store,
    systems: Sequence[System],
    normalizers: Sequence[str],
    *,
    asked: Mapping[str, Any] | None = None,
    job_id: str | None = None,
) -> Finished:
    """Score what others wrote by each normalizer, by the language's if none is named, and keep it as a run.

    Args:
        store: where the run is kept.
        systems: of :func:`acento.scoring.files.systems.read_systems`.
        normalizers: names of presets.
        asked: how, as it is to be written down.
        job_id: the run's name; made from the time if not given.

    Raises:
        InputError: there is no such normalizer, or the name is taken.
    """
    rules = [_rules(normalizers, one.language) for one in systems]
    shared = {
        "models": [*dict.fromkeys(one.model for one in systems)],
        "datasets": [*dict.fromkeys(one.dataset for one in systems)],
        "split": systems[0].split,
    }
    request = RunRequest.model_validate({**(asked or {}), "kind": KIND} | shared)
    read = [file for one in systems for file in (one.references.file, one.hypotheses.file)]
    run = begin(store, request, {str(file.path): file.sha256 for file in read}, job_id, utc_now())
    entries, provenance, now = [], [], utc_now()
    for one, wanted in zip(systems, rules, strict=True):
        for rule in wanted:
            told = None if one.conversations is None else (one.conversations, one.speaker_options)
            key = keep_score(store, one.paired.results, rule, told)
            entries.append((one.entry(load_score(store, key), run, now, load_speakers(store, key)), key))
            provenance.append(_provenance(one, rule, key))
    return publish_run(store, run, entries, provenance, utc_now())


def rescore(
    store: Store,
    run: str,
    normalizers: Sequence[str],
    *,
    language: str | None = None,
    job_id: str | None = None,
) -> Finished:
    """Score the texts of a run again, without a model, by each normalizer; the new run names the one it came from.

    Args:
        store: where the run is.
        run: its id, or ``latest``.
        normalizers: names of presets; if none is named, the default of the language.
        language: of the texts; by default the one that was decoded or named.
        job_id: the new run's name; made from the time if not given.

    Raises:
        InputError: there is no such run, normalizer or language, or the name is taken.
        StoreError: a score of that run is not in the store any more.
    """
    if language is not None:
        resolve_language(language)
    artifact = find_run(store, run)
    name = artifact.key.rpartition("/")[2]
    record: dict[str, Any] = json.loads(store.read_bytes(artifact.key, RUN))
    texts: dict[tuple[str, ...], tuple[Entry, str, dict[str, Any]]] = {}
    for (entry, key), origin in zip(entries_of(store, artifact.key), record["results"], strict=True):
        which = entry.model, entry.model_hash, entry.dataset_fingerprint, entry.split
        # in a run scored by several normalizers each system's texts are there as often
        texts.setdefault(which, (entry, key, origin))
    todo: list[tuple[Entry, str, dict[str, Any], Normalizer]] = []
    for entry, key, origin in texts.values():
        spoken = language or origin.get("language") or origin.get("decoding", {}).get("language")
        todo += [(entry, key, origin, rule) for rule in _rules(normalizers, spoken)]
    asked = {"kind": KIND, "scored_run": name, "normalizer": [*normalizers], "language": language}
    shared = {field: record["request"][field] for field in ("models", "datasets", "split")}
    inputs = {name: fingerprint([result["score"] for result in record["results"]])}
    new = begin(store, RunRequest.model_validate(asked | shared), inputs, job_id, utc_now())
    entries, provenance, now = [], [], utc_now()
    for entry, key, origin, rule in todo:
        stored = _Stored(store, key, several=origin.get("alternations", False))
        score = keep_score(store, stored, rule, _spoken(store, key) if entry.speakers else None)
        found = {"score": load_score(store, score), "speakers": load_speakers(store, score)}
        entries.append((entry.model_copy(update={**found, "run": new, "when": now}), score))
        provenance.append(origin | {"normalizer": rule.identity, "score": score, "scored_from": name})
    return publish_run(store, new, entries, provenance, utc_now())


def keep_score(
    store: Store,
    results: Iterable[UtteranceResult],
    rule: Normalizer,
    told: tuple[Conversations, SpeakerOptions] | None = None,
) -> str:
    """Score texts, unless these were scored so before, and return the score's key; they are read twice.

    Args:
        store: where the score is kept.
        results: the utterances.
        rule: the normalizer.
        told: who speaks when and says what, where that is scored too, and how.
    """
    rows = (fingerprint(asdict(result)) for result in results)
    facts = {"version": SCORING_VERSION, "rows": fingerprint_rows(rows), "normalizer": rule.identity}
    if told is not None:
        facts["speakers"] = facts_of(*told)
    key = f"scores/{fingerprint(facts)}"
    if store.find(key, verify=True) is None:
        with store.publish(key) as draft:
            write_score(draft.folder, results, rule)
            if told is not None:
                write_speakers(draft.folder, told[0], rule, told[1])
    return key


def load_speakers(store: Store, key: str) -> SpeakerScore | None:
    """Return the score of speakers that lies beside a score, or None."""
    artifact = store.find(key)
    if artifact is None or SPEAKERS not in artifact.files:
        return None
    return read_speakers(store.read_bytes(key, SPEAKERS))


def _spoken(store: Store, key: str) -> tuple[Conversations, SpeakerOptions]:
    return read_spoken(store.read_bytes(key, SPOKEN))


def _rules(names: Sequence[str], language: str | None) -> list[Normalizer]:
    """Return the presets of these names for a language, or, if there is none, its default."""
    asked: Sequence[str | None] = names or [None]
    return list({rule.identity: rule for rule in (normalizer_for(name, language) for name in asked)}.values())


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a stored score was made from, read in batches, as often as somebody goes through it."""

    store: Store
    key: str
    several: bool
    """Whether its references have alternations."""

    def __iter__(self) -> Iterator[UtteranceResult]:
        with pq.ParquetFile(self.store.local_path(self.key, UTTERANCES)) as file:
            names = [field.name for field in fields(UtteranceResult) if field.name in file.schema_arrow.names]
            for batch in batches(file, names):
                for row in batch.to_pylist():
                    marked = self.several and has_alternatives(row["reference"] or "")
                    yield UtteranceResult(**row, alternatives=marked)


def _provenance(one: System, rule: Normalizer, key: str) -> dict[str, Any]:
    results = one.paired.results
    texts = digest(Prediction(row.id, row.hypothesis, error=row.error) for row in results)
    return {
        "model": {"id": one.model, "revision": None, "digest": one.hypotheses.file.sha256},
        "dataset": {
            "name": one.dataset,
            "fingerprint": one.dataset_fingerprint,
            "validation": NOT_VALIDATED,
            "split": one.split,
            "limit": None,
            "clips": len(results),
            "audio_s": sum(row.duration_s or 0.0 for row in results),
        },
        "files": {"references": _file(one.references), "hypotheses": _file(one.hypotheses)},
        "language": one.language,
        "alternations": one.alternations,
        "missing": sum(row.error is not None for row in results),
        "extra": one.paired.extra,
        "normalizer": rule.identity,
        "score": key,
        "texts_sha256": texts,
    }


def _file(read: Transcripts) -> dict[str, str]:
    return {"path": read.name, "sha256": read.file.sha256, "format": read.format}
