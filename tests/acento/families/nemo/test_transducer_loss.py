"""The transducers' losses against a sum over every alignment there is."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from acento.families.nemo.transducer_loss import rnnt_loss, tdt_loss

BLANK = 3
DURATIONS = (0, 1, 2, 4)


def drawn(clips: int, frames: int, labels: int, outputs: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(clips, frames, labels + 1, outputs, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, BLANK, (clips, labels), generator=generator)


def rnnt_ways(scores: Tensor, labels: Tensor, frame: int = 0, written: int = 0) -> Iterator[float]:
    """Yield the log-probability of every way to write the rest of a text from a frame on."""
    if frame == len(scores):
        if written == len(labels):
            yield 0.0
        return
    for rest in rnnt_ways(scores, labels, frame + 1, written):
        yield rest + scores[frame, written, BLANK].item()
    if written < len(labels):
        for rest in rnnt_ways(scores, labels, frame, written + 1):
            yield rest + scores[frame, written, labels[written]].item()


def tdt_ways(
    tokens: Tensor, takes: Tensor, labels: Tensor, sigma: float, frame: int = 0, written: int = 0
) -> Iterator[float]:
    if frame == len(tokens):
        if written == len(labels):
            yield 0.0
        return
    for place, steps in enumerate(DURATIONS):
        if frame + steps > len(tokens):
            continue
        here = takes[frame, written, place].item() - sigma
        if steps > 0:
            for rest in tdt_ways(tokens, takes, labels, sigma, frame + steps, written):
                yield rest + here + tokens[frame, written, BLANK].item()
        # a label may not be the end: after it a blank must close, or frames be left
        if written < len(labels) and frame + steps < len(tokens):
            for rest in tdt_ways(tokens, takes, labels, sigma, frame + steps, written + 1):
                yield rest + here + tokens[frame, written, labels[written]].item()


def total(ways: Iterator[float]) -> float:
    return -torch.tensor(list(ways), dtype=torch.float64).logsumexp(0).item()


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 5), labels=st.integers(0, 4), seed=st.integers(0, 9))
def test_rnnt_sums_over_every_alignment(frames: int, labels: int, seed: int) -> None:
    logits, ids = drawn(1, frames, labels, BLANK + 1, seed)
    expected = total(rnnt_ways(logits[0].log_softmax(-1), ids[0]))
    loss = rnnt_loss(logits, ids, torch.tensor([frames]), torch.tensor([labels]), blank=BLANK)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 5), labels=st.integers(0, 3), seed=st.integers(0, 9), sigma=st.sampled_from([0.0, 0.05]))
def test_tdt_sums_over_every_alignment(frames: int, labels: int, seed: int, sigma: float) -> None:
    logits, ids = drawn(1, frames, labels, BLANK + 1 + len(DURATIONS), seed)
    tokens, takes = logits[0, ..., : BLANK + 1].log_softmax(-1), logits[0, ..., BLANK + 1 :].log_softmax(-1)
    expected = total(tdt_ways(tokens, takes, ids[0], sigma))
    loss = tdt_loss(
        logits,
        ids,
        torch.tensor([frames]),
        torch.tensor([labels]),
        blank=BLANK,
        durations=DURATIONS,
        sigma=sigma,
    )
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["rnnt", "tdt"])
def test_padding_changes_neither_loss_nor_gradient(kind: str) -> None:
    logits, ids = drawn(3, 6, 4, BLANK + 1 + (len(DURATIONS) if kind == "tdt" else 0), 5)
    frames, lengths = torch.tensor([6, 3, 5]), torch.tensor([2, 4, 0])

    def loss(logits: Tensor, ids: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
        if kind == "rnnt":
            return rnnt_loss(logits, ids, frames, lengths, blank=BLANK)
        return tdt_loss(logits, ids, frames, lengths, blank=BLANK, durations=DURATIONS, sigma=0.02)

    logits.requires_grad_(True)
    together = loss(logits, ids, frames, lengths)
    (grad,) = torch.autograd.grad(together.sum(), logits)
    assert torch.isfinite(grad).all()
    for clip in range(3):
        t, u = int(frames[clip]), int(lengths[clip])
        alone = logits[clip : clip + 1, :t, : u + 1].detach().requires_grad_(True)
        one = loss(alone, ids[clip : clip + 1, :u], frames[clip : clip + 1], lengths[clip : clip + 1])
        assert one.item() == pytest.approx(together[clip].item(), rel=1e-6)
        (expected,) = torch.autograd.grad(one.sum(), alone)
        torch.testing.assert_close(grad[clip, :t, : u + 1], expected[0])
        assert grad[clip, t:].abs().sum() == grad[clip, :, u + 1 :].abs().sum() == 0


def test_the_gradient_is_that_of_finite_differences() -> None:
    logits, ids = drawn(2, 3, 2, BLANK + 1 + len(DURATIONS), 8)
    logits.requires_grad_(True)
    frames, lengths = torch.tensor([3, 2]), torch.tensor([2, 1])
    (grad,) = torch.autograd.grad(
        tdt_loss(logits, ids, frames, lengths, blank=BLANK, durations=DURATIONS).sum(), logits
    )
    random = torch.Generator().manual_seed(1)
    way = torch.randn(logits.shape, generator=random, dtype=logits.dtype) * 1e-2
    ahead, behind = (
        tdt_loss(logits + side * way, ids, frames, lengths, blank=BLANK, durations=DURATIONS).sum().item()
        for side in (1, -1)
    )
    assert (grad * way).sum().item() == pytest.approx((ahead - behind) / 2, rel=1e-2)


def test_a_text_that_no_alignment_writes_teaches_nothing() -> None:
    """With durations of one frame and more, three labels need more than two frames."""
    logits, ids = drawn(1, 2, 3, BLANK + 1 + 2, 3)
    logits.requires_grad_(True)
    loss = tdt_loss(logits, ids, torch.tensor([2]), torch.tensor([3]), blank=BLANK, durations=(1, 2))
    loss.sum().backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
