"""Losses summed over the tokens of all clips: of a decoder that writes one token after the other, and of CTC.

And how far a model's states are from those that they are to be like, summed over clips.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from acento.models.trainable import States

_LEAST_VARIANCE = 1e-6
"""Of states that are all alike, such as those of a text of one token."""


def sequence_loss(
    labels: Sequence[Sequence[int]],
    decode: Callable[[Tensor], Tensor],
    project: nn.Module,
    smoothing: float,
    *,
    prompt: Sequence[int],
    filler: int,
    device: torch.device,
) -> Tensor:
    """Return the SUM of the losses of all labels.

    The decoder is given the prompt and then the labels, but for the last: labels are shifted here, once. Padding is
    left out by length and not by its id, which may be that of the end token: the end is learned.

    Args:
        labels: ids for each clip, of different lengths, the end token last.
        decode: turns inputs of the decoder, shape ``(clips, tokens)``, into its output ``(clips, tokens, width)``.
        project: turns the decoder's output into logits over the vocabulary.
        smoothing: share of the target spread over all tokens (Szegedy et al. 2016).
        prompt: what the decoder is given first, the start token or more.
        filler: any token; what follows a clip's last.
        device: where the model is.
    """
    states = label_states(labels, decode, prompt=prompt, filler=filler, device=device)
    return states_loss(states, labels, project, smoothing)


def label_states(
    labels: Sequence[Sequence[int]],
    decode: Callable[[Tensor], Tensor],
    *,
    prompt: Sequence[int],
    filler: int,
    device: torch.device,
) -> Tensor:
    """Return the decoder's output where each label is written, shape ``(labels of all clips, width)``.

    The arguments are those of :func:`sequence_loss`.
    """
    first = len(prompt) - 1
    longest = first + max(map(len, labels))
    given = torch.full((len(labels), longest), filler, dtype=torch.long)
    for row, ids in zip(given, labels, strict=True):
        row[: first + len(ids)] = torch.tensor([*prompt, *ids[:-1]])
    places = torch.cat([torch.arange(len(ids)) + first + number * longest for number, ids in enumerate(labels)])
    return decode(given.to(device)).flatten(0, 1)[places.to(device)]


def states_loss(states: Tensor, labels: Sequence[Sequence[int]], project: nn.Module, smoothing: float) -> Tensor:
    """Return the SUM of the losses of all labels, from the decoder's output where each is written."""
    wanted = torch.tensor([number for ids in labels for number in ids])
    # the projection to the vocabulary is the largest product of all: padding does not take part in it
    logits = project(states).float()
    return functional.cross_entropy(logits, wanted.to(states.device), reduction="sum", label_smoothing=smoothing)


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the SUM over labels of the Kullback-Leibler divergence from a teacher's distributions, in nats.

    At temperature 1, as texts are written (Hinton et al. 2015). Both are logits, shape ``(labels, vocabulary)``.
    """
    logs = functional.log_softmax(logits.float(), -1), functional.log_softmax(wanted.float(), -1)
    return functional.kl_div(*logs, reduction="sum", log_target=True)


def distance(states: States, targets: States) -> Tensor:
    """Return the SUM over clips of how far their states are from others of the same clips and labels.

    A clip's is the mean of its encoder's and its decoder's: the mean squared error over the variance of the targets
    along the clip, each dimension around its own mean. That has no unit and does not depend on the size of the states:
    0 where they are the same, 1 where the clip's mean state would do as well. So it is of the order of a loss in nats
    for each token, and a few dimensions that are large and never change do not drown the others.
    """
    pairs = zip(states.encoded, targets.encoded, states.decoded, targets.decoded, strict=True)
    return torch.stack([(_unexplained(a, b) + _unexplained(c, d)) / 2 for a, b, c, d in pairs]).sum()


def _unexplained(states: Tensor, targets: Tensor) -> Tensor:
    """Return the share of the targets' variance, shape ``(places, width)``, by which states miss them."""
    targets = targets.float()
    variance = (targets - targets.mean(0)).square().mean()
    return (states.float() - targets).square().mean() / variance.clamp(min=_LEAST_VARIANCE)


def ctc_loss(frames: Tensor, lengths: Sequence[int], labels: Sequence[Sequence[int]], blank: int) -> Tensor:
    """Return the sum of the clips' losses (Graves et al. 2006); a clip with fewer frames than its labels need has none.

    Args:
        frames: log-probabilities, shape ``(frames, clips, vocabulary)``.
        lengths: frames of each clip.
        labels: ids for each clip, of different lengths, without blanks.
        blank: the id of the blank.
    """
    if frames.device.type == "mps":  # where torch has no CTC loss
        frames = frames.cpu()
    with torch.backends.cudnn.flags(enabled=False):  # cuDNN's takes no long labels, and no blank but 0
        return functional.ctc_loss(
            frames,
            torch.tensor([number for row in labels for number in row], device=frames.device),
            torch.tensor(lengths, device=frames.device),
            torch.tensor([len(row) for row in labels], device=frames.device),
            blank=blank,
            reduction="sum",
            zero_infinity=True,
        )
