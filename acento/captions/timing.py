"""When captions are shown: as long as they are read, never two at once, never for a flash."""

from collections.abc import Sequence

from acento.captions.style import Settled

_CHAIN_S = 0.5
"""Seconds of a pause between cues that is too short to be seen as one: the cue stays until the next."""
_EARLY_S = 0.5
"""Seconds by which a cue may be shown before it is said, where there is no room after."""


def timed(
    spans: Sequence[tuple[float, float]], columns: Sequence[int], style: Settled, duration_s: float
) -> list[tuple[float, float]]:
    """Return when each cue is shown, in seconds to the millisecond.

    Args:
        spans: when the words of each are said, by their starts.
        columns: how much there is to read in each.
        style: the numbers.
        duration_s: of the recording, after which no cue is shown that need not.
    """
    needs = [min(max(count / style.reading_speed, style.min_s), style.max_s) for count in columns]
    starts = _starts(spans, needs, style)
    found = []
    for number, (start, (_, said)) in enumerate(zip(starts, spans, strict=True)):
        latest = start + style.max_s
        end = max(said, start + needs[number])
        if number + 1 < len(starts):
            limit = starts[number + 1] - style.gap_s
            end = limit if limit - end < _CHAIN_S else end
        else:
            end = max(said, min(end, max(duration_s, start + style.min_s)))
        found.append((round(start, 3), round(max(min(end, latest), start + style.min_s), 3)))
    return found


def _starts(spans: Sequence[tuple[float, float]], needs: Sequence[float], style: Settled) -> list[float]:
    """Return when each cue appears: with its words, but later where the one before is still said or hardly seen."""
    starts: list[float] = []
    for number, (said, _) in enumerate(spans):
        if not starts:
            starts.append(max(0.0, said))
            continue
        before, ended = starts[-1], spans[number - 1][1]
        wish = said
        if ended > said:  # two at once: what begins first is read first, as far as what follows leaves time
            wish = max(said, min(ended, before + needs[number - 1]) + style.gap_s)
            if number + 1 < len(spans):
                wish = min(wish, max(said, spans[number + 1][0] - style.min_s - style.gap_s))
        lacking = before + style.min_s + style.gap_s - wish
        if lacking > 0:  # the one before may be shown a little early, but not while what precedes it is said
            floor = max(starts[-2] + style.min_s, spans[number - 2][1]) + style.gap_s if number > 1 else 0.0
            early = spans[number - 1][0] - _EARLY_S
            starts[-1] = before = before - max(0.0, min(lacking, before - floor, before - early))
        starts.append(max(wish, before + style.min_s + style.gap_s))
    return starts
