"""Losses summed over the tokens of all clips: of a decoder that writes one token after the other, and of CTC."""

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
    first = len(prompt) - 1
    longest = first + max(map(len, labels))
    given = torch.full((len(labels), longest), filler, dtype=torch.long)
    for row, ids in zip(given, labels, strict=True):
        row[: first + len(ids)] = torch.tensor([*prompt, *ids[:-1]])
    wanted = torch.tensor([number for ids in labels for number in ids])
    places = torch.cat([torch.arange(len(ids)) + first + number * longest for number, ids in enumerate(labels)])
    hidden = decode(given.to(device))
    # the projection to the vocabulary is the largest product of all: padding does not take part in it
    logits = project(hidden.flatten(0, 1)[places.to(device)]).float()
    return functional.cross_entropy(logits, wanted.to(device), reduction="sum", label_smoothing=smoothing)


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
