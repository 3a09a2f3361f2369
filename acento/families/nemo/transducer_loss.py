"""The losses of transducers, RNN-T and TDT, on any device, with nothing but torch.

NeMo's own are written for CUDA: on a CPU that of TDT does not run at all. Both sum the probability of all ways to deal
a text out over the frames. Within a frame labels follow each other, which is a cumulative sum in disguise; so only the
frames are looped over, and the gradient is torch's own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_NEVER = -1e30
"""The logarithm of no probability; finite, because the gradient of a real infinity is no number."""


def rnnt_loss(logits: Tensor, labels: Tensor, frames: Tensor, lengths: Tensor, *, blank: int) -> Tensor:
    """Return the loss of each clip, shape ``(clips,)``: minus the log-likelihood of its text (Graves 2012).

    Args:
        logits: shape ``(clips, frames, 1 + labels, vocabulary)``, normalized or not.
        labels: ids, shape ``(clips, labels)``, padded with any.
        frames: how many frames each clip has.
        lengths: how many labels each clip has.
        blank: the id that ends a frame.
    """
    ends, writes = _scores(logits, labels, blank)
    return _loss({1: ends}, {0: writes}, frames, lengths)


def tdt_loss(
    logits: Tensor,
    labels: Tensor,
    frames: Tensor,
    lengths: Tensor,
    *,
    blank: int,
    durations: Sequence[int],
    sigma: float = 0.0,
) -> Tensor:
    """Return the loss of each clip, shape ``(clips,)``, of a token-and-duration transducer (Xu et al. 2023).

    Args:
        logits: shape ``(clips, frames, 1 + labels, vocabulary + durations)``.
        labels: ids, shape ``(clips, labels)``, padded with any.
        frames: how many frames each clip has.
        lengths: how many labels each clip has.
        blank: the id that writes nothing; it takes a frame at least.
        durations: how many frames a token may take, in the order of the last logits.
        sigma: what is taken from the log-probability of every token, so that few and long ones are preferred.
    """
    ends, writes = _scores(logits[..., : -len(durations)], labels, blank)
    takes = logits[..., -len(durations) :].log_softmax(-1).to(ends.dtype)
    of_end = {steps: ends - sigma + takes[..., place] for place, steps in enumerate(durations) if steps > 0}
    of_label = {steps: writes - sigma + takes[:, :, :-1, place] for place, steps in enumerate(durations)}
    return _loss(of_end, of_label, frames, lengths)


def _scores(logits: Tensor, labels: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """Return log-probabilities of the blank ``(clips, frames, 1 + labels)`` and of each next label ``(…, labels)``.

    In double precision where the device has it: what is summed over hundreds of frames is small.
    """
    total = logits.logsumexp(-1)
    index = labels[:, None, :, None].expand(-1, logits.shape[1], -1, 1)
    writes = logits[:, :, :-1].gather(-1, index).squeeze(-1) - total[:, :, :-1]
    ends = logits[..., blank] - total
    dtype = torch.float32 if logits.device.type == "mps" else torch.float64
    return ends.to(dtype), writes.to(dtype)


def _loss(ends: dict[int, Tensor], writes: dict[int, Tensor], frames: Tensor, lengths: Tensor) -> Tensor:
    """Return minus the log-likelihood, given what it costs to go on by some frames, without and with the next label.

    A text that no alignment writes has no loss that is a number, and teaches nothing: it counts as 0.
    """
    some = next(iter(ends.values()))
    reached: list[Tensor] = []
    start = torch.full_like(some[:, 0], _NEVER)
    start[:, 0] = 0.0
    for frame in range(some.shape[1]):
        ways = [start] if frame == 0 else []
        ways += [reached[frame - steps] + score[:, frame - steps] for steps, score in ends.items() if steps <= frame]
        for steps, score in writes.items():
            if 0 < steps <= frame:
                came = reached[frame - steps][:, :-1] + score[:, frame - steps]
                ways.append(torch.nn.functional.pad(came, (1, 0), value=_NEVER))
        here = torch.stack(ways).logsumexp(0) if ways else torch.full_like(start, _NEVER)
        if 0 in writes:
            # reached[u] = log sum over k <= u of exp(here[k] + all scores from k to u)
            passed = torch.nn.functional.pad(writes[0][:, frame], (1, 0)).cumsum(-1)
            here = (here - passed).logcumsumexp(-1) + passed
        reached.append(here)
    last = [
        _at(torch.stack(reached, 1) + score, frames - steps, lengths).where(frames >= steps, some.new_tensor(_NEVER))
        for steps, score in ends.items()
    ]
    likelihood = torch.stack(last).logsumexp(0)
    return -likelihood.where(likelihood > _NEVER / 1e6, likelihood.new_zeros(())).to(torch.float32)


def _at(scores: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """Return one value of each clip's ``(frames, 1 + labels)``."""
    return scores[torch.arange(len(scores), device=scores.device), frames.clamp(min=0), lengths]
