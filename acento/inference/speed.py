"""What the clock said of a transcription: how fast it was, on what, and what that cost."""

from collections.abc import Sequence

from acento.core.prices import PriceTable, load_prices
from acento.inference.jobs import Measurement
from acento.scoring.entry import Conditions, Cost, Speed
from acento.scoring.statistics.bootstrap import ratio_interval
from acento.scoring.statistics.repeats import median_rate

Passes = Sequence[Sequence[Measurement]]
"""The measurements of each decoding of the same clips: the one whose texts were kept, then its repeats."""


def speed(passes: Passes) -> Speed | None:
    """Return RTFx (audio seconds over inference seconds) with its interval over batches; None if nothing was timed.

    Of several passes it is the median, the interval over passes and batches. Where the first pass is from the store and
    was measured under other conditions than its repeats, it is left out.
    """
    timed = [one for one in passes if sum(s for _, s in _batches(one)) > 0]
    if not timed:
        return None
    changed = [one.changed or 0 for measured in timed for one in measured if one.repeat]
    if len(timed) > 1 and _conditions(timed[0]) != _conditions(timed[-1]):
        timed = timed[1:]
    conditions = set[Conditions]().union(*map(_conditions, timed))
    audio, seconds = zip(*_batches(timed[0]), strict=True)
    if len(timed) > 1:
        rtfx, bounds = median_rate([_batches(one) for one in timed])
    else:
        rtfx, bounds = sum(audio) / sum(seconds), ratio_interval(audio, seconds)
    return Speed(
        rtfx=rtfx,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        inference_s=sum(audio) / rtfx,
        conditions=conditions.pop() if len(conditions) == 1 else None,
        repeats=len(timed),
        changed=sum(changed) if changed else None,
        load_s=max((one.load_s + one.warm_up_s for measured in passes for one in measured), default=0.0) or None,
    )


def cost(passes: Passes, prices: PriceTable | None = None) -> Cost | None:
    """Return what all measured seconds cost; None if nothing was measured, or a device has no price."""
    measured = [one for each in passes for one in each]
    batches = _batches(measured)
    audio_s = sum(a for a, _ in batches)
    if audio_s <= 0:
        return None
    table = load_prices() if prices is None else prices
    paid = seconds = inference = 0.0
    types, sources = dict[str, None](), dict[str, None]()
    for one in measured:
        kind = table.type_of(one.device, backend=one.backend)
        if kind is None:
            return None
        price = table.prices[kind]
        rate = price.hourly(one.options.threads)
        busy = one.load_s + one.warm_up_s + one.timings.wall_s
        paid, seconds = paid + busy / 3600 * rate, seconds + busy
        inference += sum(s for _, s in one.timings.batches) / 3600 * rate
        types[kind], sources[price.said_by] = None, None
    return Cost(
        dollars=paid,
        per_audio_hour=inference / (audio_s / 3600),
        usd_per_hour=paid / (seconds / 3600),
        device_type=", ".join(types),
        source="; ".join(sources),
    )


def _batches(measured: Sequence[Measurement]) -> list[tuple[float, float]]:
    return [batch for one in measured for batch in one.timings.batches]


def _conditions(measured: Sequence[Measurement]) -> set[Conditions]:
    return {
        Conditions(
            device=one.device,
            dtype=one.options.dtype,
            threads=one.options.threads,
            batch_size=one.batch_size,
            backend=one.backend,
            placements=one.placements,
            window=one.options.window_title,
            decoding=one.options.decoding_title,
        )
        for one in measured
    }
