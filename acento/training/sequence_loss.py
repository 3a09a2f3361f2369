"""The loss of a decoder that writes one token after the other: cross entropy, summed over the tokens of all clips."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def sequence_loss(
    labels: Sequence[Sequence[int]],
    decode: Callable[[Tensor], Tensor],
    project: nn.Module,
    smoothing: float,
    *,
    start: int,
    filler: int,
    device: torch.device,
) -> tuple[Tensor, int]:
    """Return the SUM of the losses of all labels, and how many there are.

    The decoder is given the start token and then the labels, but for the last: labels are shifted here, once. Padding
    is left out by length and not by its id, which may be that of the end token: the end is learned.

    Args:
        labels: ids for each clip, of different lengths, the end token last.
        decode: turns inputs of the decoder, shape ``(clips, tokens)``, into its output ``(clips, tokens, width)``.
        project: turns the decoder's output into logits over the vocabulary.
        smoothing: share of the target spread over all tokens (Szegedy et al. 2016).
        start: the token that the decoder is given first.
        filler: any token; what follows a clip's last.
        device: where the model is.
    """
    given, wanted, places = _padded(labels, start, filler)
    hidden = decode(given.to(device))
    # the projection to the vocabulary is the largest product of all: padding does not take part in it
    logits = project(hidden.flatten(0, 1)[places.to(device)]).float()
    loss = functional.cross_entropy(logits, wanted.to(device), reduction="sum", label_smoothing=smoothing)
    return loss, len(wanted)


def _padded(labels: Sequence[Sequence[int]], start: int, filler: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return decoder inputs ``(clips, longest)``, all wanted ids in a row, and their places in the flattened inputs."""
    longest = max(map(len, labels))
    given = torch.full((len(labels), longest), filler, dtype=torch.long)
    for row, ids in zip(given, labels, strict=True):
        row[: len(ids)] = torch.tensor([start, *ids[:-1]])
    wanted = torch.tensor([number for ids in labels for number in ids])
    places = torch.cat([torch.arange(len(ids)) + number * longest for number, ids in enumerate(labels)])
    return given, wanted, places
