"""What a benchmark would take and cost, before anything is begun; and the budget that refuses one."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from acento.api.estimate import Estimate, Expected, Work
from acento.api.precheck import asked_cards, asked_options, unusable
from acento.api.pricing import device_asked
from acento.api.session import options_of
from acento.api.tuned import planned_with, settled
from acento.core.arguments import Named, names_of
from acento.core.errors import InputError, ModelError, StoreError
from acento.core.prices import PriceTable, dollars, load_prices
from acento.core.store import Store, open_store
from acento.data.dataset import Card
from acento.inference.benchmark import unfinished
from acento.inference.jobs import TranscribeJob
from acento.inference.plan import make_plan
from acento.models.base import DecodeOptions
from acento.models.checkpoints import places
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import conversions
from acento.models.checkpoints.references import parse, with_engine
from acento.models.checkpoints.resolver import find_local, resolve
from acento.models.checkpoints.taught import resolve_fit
from acento.models.devices import Elsewhere, default_workers, pick_device
from acento.models.family import WHISPER
from acento.registry.runs.expected_speed import ExpectedSpeed, device_types, expected_speed
from acento.registry.runs.index import index
from acento.requests import BenchmarkRequest
from acento.requests.benchmark import AUTO
from acento.scoring.entry import Entry

_BATCH = 16
"""Clips in a batch of a model of which nothing is known yet; how parts are cut hardly depends on it."""


class _Asked(BaseModel, frozen=True):
    """One model on one data set: what is to be decoded, and of what model."""

    work: Work
    seconds: float
    """Of audio that is to be decoded, repeats included."""
    model: str
    model_hash: str | None
    family: str | None
    window: str | None = None
    """What it decodes in; None: its own window."""
    decoding: str | None = None
    """How it decodes; None: greedily."""


@options_of(BenchmarkRequest, "models", "datasets", "compute", "dry_run", "job_id")
def estimate(models: Named | Iterable[Named], data: Named | Iterable[Named], **options: Any) -> Estimate:
    """Tell what a benchmark would take and cost on each type of GPU and on this machine; nothing is begun or written.

    >>> found = estimate(["demo:whisper-mini", "demo:whisper-micro"], "mine")
    >>> [(work.model, work.parts == work.parts_done) for work in found.work]
    [('demo:whisper-mini', True), ('demo:whisper-micro', True)]
    >>> found.chosen.minutes
    0.0

    Args:
        models: as ``benchmark`` takes them.
        data: as ``benchmark`` takes it.
        options: see below.

    Returns:
        The work by model and data set, and the expected minutes and dollars by device: print it, or take
        ``model_dump()``.

    Raises:
        InputError: a data set, a model or an option cannot be used.
    """
    request = BenchmarkRequest.of(models=names_of(models), datasets=names_of(data), **options)
    return estimate_benchmark(open_store(), request)


def estimate_benchmark(store: Store, request: BenchmarkRequest, elsewhere: Elsewhere | None = None) -> Estimate:
    """Return what a benchmark would take and cost; the store is read and not changed, nothing is downloaded.

    ``elsewhere`` is what is known of the machines that would do the work; None where this one would.

    Raises:
        InputError: nothing of it can be used.
    """
    left_out = unusable(store, request, installed=elsewhere is None)
    cards = asked_cards(store, request, left_out)
    device = pick_device(request.device, elsewhere)
    options = asked_options(request, device, elsewhere)
    asked = [
        _asked(store, request, card, name, options, elsewhere)
        for name in dict.fromkeys(request.models)
        if name not in left_out
        for card in cards
    ]
    prices, entries = load_prices(), [row.entry for row in index(store, keep=False)[0]]
    here = device_asked(prices, request.compute, device, elsewhere)
    expected = []
    for kind in dict.fromkeys([here, *device_types(prices)]):
        on_gpu = kind in prices.prices and prices.prices[kind].per == "gpu"
        workers = request.num_requests or (1 if on_gpu else default_workers("cpu", options.threads, elsewhere))
        expected.append(_expected(asked, entries, prices, kind, workers, options.threads, chosen=kind == here))
    return Estimate(work=tuple(one.work for one in asked), expected=tuple(expected), left_out=left_out)


def check_budget(store: Store, request: BenchmarkRequest, elsewhere: Elsewhere | None = None) -> None:
    """See that what a benchmark is expected to cost is within its budget, if it has one.

    Raises:
        InputError: it would cost more, or nobody can say what it costs.
    """
    if request.budget is None:
        return
    chosen = estimate_benchmark(store, request, elsewhere).chosen
    if not chosen.minutes and chosen.minutes is not None:
        return
    if chosen.dollars is None:
        lacking = (
            f"{chosen.device} has no price: give it one in a file, and name that in ACENTO_PRICES"
            if chosen.minutes is not None
            else f"nobody knows how fast this is on {chosen.device}: measure a few clips first, with --limit"
        )
        raise InputError(f"The budget of {dollars(request.budget)} cannot be kept, as {lacking}. Nothing was begun.")
    if chosen.dollars > request.budget:
        raise InputError(
            f"This is expected to cost {dollars(chosen.dollars)} on {chosen.device} ({_said(chosen)}), "
            f"more than the budget of {dollars(request.budget)}. Nothing was begun: take a larger budget, fewer "
            "models, or --limit."
        )


def _said(expected: Expected) -> str:
    return f"a guess: {expected.why}" if expected.basis == "guess" else expected.why


def _asked(
    store: Store,
    request: BenchmarkRequest,
    card: Card,
    name: str,
    options: DecodeOptions,
    elsewhere: Elsewhere | None,
) -> _Asked:
    checkpoint = _looked_up(store, request, name)
    todo: list[TranscribeJob] = []
    if checkpoint is None:
        size = request.gpu_batch_size or _BATCH
        plan = make_plan(store, card, split=request.split, batch_size=size, limit=request.limit, keep=False)
        clips, seconds, parts, done, left = plan.clips, plan.seconds, len(plan.parts), 0, plan.seconds
    else:
        options = options.model_copy(update={"fit": resolve_fit(checkpoint, request.window)})
        found = settled(store, request, card, checkpoint, options, elsewhere, measure=False)
        checkpoint, options = found.checkpoint, found.options
        what, jobs = planned_with(store, request, card, found, keep=False)
        todo = unfinished(store, jobs)
        clips, seconds, parts, done = what.clips, what.seconds, len(jobs), len(jobs) - len(todo)
        left = sum(job.seconds for job in todo)
    work = Work(
        model=name,
        dataset=f"{card.title}/{request.split}",
        clips=clips,
        audio_hours=seconds / 3600,
        parts=parts,
        parts_done=done,
        known=checkpoint is not None,
    )
    return _Asked(
        work=work,
        seconds=left + (request.repeats - 1) * seconds,
        model=name,
        model_hash=checkpoint and checkpoint.digest,
        family=checkpoint and checkpoint.family.name,
        window=options.window_title,
        decoding=options.decoding_title,
    )


def _looked_up(store: Store, request: BenchmarkRequest, name: str) -> Checkpoint | None:
    """Return a model if it can be had without a download and without a conversion; else None."""
    seen = find_local(name)
    if request.engine not in (None, AUTO) and (seen is None or seen[1].name == WHISPER):
        name = with_engine(name, request.engine, request.quantization)
    base = parse(name).base
    if parse(name).quantization is not None and not conversions(store, name):
        return None
    if seen is None and not name.startswith("registry:") and not _in_cache(base):
        return None
    try:
        return resolve(name)
    except (ModelError, StoreError):
        return None


def _in_cache(base: str) -> bool:
    """Tell whether a model of the hub has been downloaded."""
    owner, _, revision = base.partition("@")
    if not places.is_hub_id(owner):
        return False
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(owner, "config.json", revision=revision or None), str)


def _expected(
    asked: list[_Asked],
    entries: list[Entry],
    prices: PriceTable,
    device: str,
    workers: int,
    threads: int,
    *,
    chosen: bool,
) -> Expected:
    """Add up what is to be decoded on a device."""
    busy, speeds = 0.0, list[ExpectedSpeed]()
    for one in asked:
        if one.seconds <= 0:
            continue
        found = expected_speed(
            entries,
            prices,
            device,
            model=one.model,
            model_hash=one.model_hash,
            family=one.family,
            window=one.window,
            decoding=one.decoding,
        )
        speeds.append(found)
        busy += one.seconds / found.rtfx + workers * found.load_s if found.rtfx else 0.0
    basis = next((one for one in ("unknown", "guess") if any(speed.basis == one for speed in speeds)), "measured")
    price = prices.prices.get(device)
    unknown = basis == "unknown"
    rate = None if price is None else price.hourly(threads)
    return Expected(
        device=device,
        workers=workers,
        minutes=None if unknown else busy / workers / 60,
        dollars=None if unknown or rate is None else busy / 3600 * rate,
        usd_per_hour=rate,
        source="" if price is None else price.said_by,
        basis=basis,
        why="; ".join(dict.fromkeys(speed.why for speed in speeds if speed.basis == basis)) or "all is in the store",
        chosen=chosen,
    )
