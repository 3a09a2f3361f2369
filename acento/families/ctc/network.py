"""A CTC model of transformers taken apart: the front that hears each clip for itself, the encoder, the head.

transformers' own ``forward`` pads the samples, and then a clip's text depends on its neighbors: a group norm over time
averages over padding, and convolutions behind the first carry what padding became into speech. Here the front hears
each clip unpadded; what follows it is padded where the architecture masks padding at every step, and else sees clips
of one length only. SpecAugment, which ``forward`` applies while training, plays no part.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

_LEAKING = frozenset({"wav2vec2-conformer", "sew", "sew-d", "data2vec-audio"})
"""Types whose encoders have convolutions or poolings in which padding is not masked."""


class CtcNetwork(ABC):
    """The parts of one loaded model; they share its weights."""

    front_parts: tuple[nn.Module, ...]
    """The layers of the front; none where the front has nothing to learn."""
    layers: nn.ModuleList
    """The encoder's layers."""
    closing: tuple[nn.Module, ...]
    """What stands behind the layers: adapters and the head, from which logits come."""
    head: nn.Module
    encoder: nn.Module

    @abstractmethod
    def front(self, features: Tensor) -> Tensor:
        """Return what the front makes of one clip's features, shape ``(frames, width)``."""

    @abstractmethod
    def encode(self, fronts: Sequence[Tensor]) -> list[Tensor]:
        """Return what the encoder makes of each clip's front, shape ``(frames, width)``."""

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits, shape ``(frames, vocabulary)``, of frames of any clips in a row."""
        made: Tensor = self.head(hidden[None])[0]
        return made


class FrameNetwork(CtcNetwork):
    """wav2vec 2.0 and its kin, and w2v-BERT: a projection, an encoder, perhaps an adapter that thins frames out."""

    def __init__(self, model: Any) -> None:
        """Take a loaded model."""
        base = getattr(model, model.base_model_prefix)
        config = model.config
        self._base = base
        self._masks = config.model_type not in _LEAKING and not getattr(config, "conv_pos_batch_norm", False)
        self._adapter, self._extra = getattr(base, "adapter", None), getattr(base, "intermediate_ffn", None)
        if self._adapter is not None:
            self._adapter.layerdrop = 0.0  # a layer left out would leave out the thinning of frames that it does
        self._extractor = getattr(base, "feature_extractor", None)
        self.front_parts = () if self._extractor is None else (self._extractor,)
        self.encoder = base.encoder
        # in SEW-D the layers are inside an encoder of the encoder
        self.layers = base.encoder.layers if hasattr(base.encoder, "layers") else base.encoder.encoder.layer
        self.head = nn.Sequential(model.dropout, model.lm_head)
        self.closing = tuple(part for part in (self._extra, self._adapter, model.lm_head) if part is not None)

    def front(self, features: Tensor) -> Tensor:
        """See :meth:`CtcNetwork.front`; w2v-BERT's features are frames already."""
        if self._extractor is None:
            return features
        extracted: Tensor = self._extractor(features[None])[0].T
        return extracted

    def encode(self, fronts: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`CtcNetwork.encode`."""
        lengths = [len(front) for front in fronts]
        if self._masks:
            hidden = list(self._encoded(pad_sequence(list(fronts), batch_first=True), lengths))
        else:
            hidden = [torch.empty(0)] * len(fronts)
            for length in sorted(set(lengths)):
                places = [place for place, own in enumerate(lengths) if own == length]
                rows = self._encoded(torch.stack([fronts[place] for place in places]), [length] * len(places))
                for place, row in zip(places, rows, strict=True):
                    hidden[place] = row
        rows = [row[:length] for row, length in zip(hidden, lengths, strict=True)]
        return rows if self._adapter is None else [self._adapter(row[None])[0] for row in rows]

    def _encoded(self, padded: Tensor, lengths: list[int]) -> Tensor:
        """Return the encoder's output for frames of shape ``(clips, frames, width)``."""
        base, mask = self._base, None
        if min(lengths) < padded.shape[1]:
            mask = _mask(lengths, padded)
        if hasattr(base, "feature_dropout"):  # SEW's own order of things
            hidden = base.layer_norm(padded)
            hidden = base.feature_dropout(base.feature_projection(hidden) if base.project_features else hidden)
        else:
            projected = base.feature_projection(padded)
            hidden = projected[0] if isinstance(projected, tuple) else projected
        hidden = base.encoder(hidden, attention_mask=mask).last_hidden_state
        return hidden if self._extra is None else hidden + 0.5 * self._extra(hidden)


class ParakeetNetwork(CtcNetwork):
    """Parakeet's Fast Conformer: subsampling by convolutions, then layers that mask padding."""

    def __init__(self, model: Any) -> None:
        """Take a loaded model."""
        encoder = model.encoder
        self.front_parts, self.encoder, self.layers = (encoder.subsampling,), encoder, encoder.layers
        self.head = model.ctc_head
        self.closing = (model.ctc_head,)

    def front(self, features: Tensor) -> Tensor:
        """See :meth:`CtcNetwork.front`; features have the shape ``(bins, frames)``."""
        subsampled: Tensor = self.front_parts[0](features.T[None])[0]
        return subsampled

    def encode(self, fronts: Sequence[Tensor]) -> list[Tensor]:
        """See :meth:`CtcNetwork.encode`; as ``ParakeetEncoder.forward`` does behind its subsampling."""
        encoder: Any = self.encoder
        lengths = [len(front) for front in fronts]
        hidden = pad_sequence(list(fronts), batch_first=True) * encoder.input_scale
        positions = functional.dropout(
            encoder.encode_positions(hidden), p=encoder.dropout_positions, training=encoder.training
        )
        hidden = functional.dropout(hidden, p=encoder.dropout, training=encoder.training)
        own = _mask(lengths, hidden)
        mask = (own[:, None, :] & own[:, :, None])[:, None]
        for layer in self.layers:
            dropped = encoder.training and encoder.layerdrop > 0 and torch.rand([]).item() < encoder.layerdrop
            if not dropped:
                hidden = layer(hidden, attention_mask=mask, position_embeddings=positions)
        return [row[:length] for row, length in zip(hidden, lengths, strict=True)]


def network_of(model: Any) -> CtcNetwork:
    """Return the parts of a loaded CTC model."""
    return ParakeetNetwork(model) if hasattr(model, "ctc_head") else FrameNetwork(model)


def _mask(lengths: list[int], padded: Tensor) -> Tensor:
    """Tell frames that were heard from padding, shape ``(clips, frames)``."""
    places = torch.arange(padded.shape[1], device=padded.device)
    return places < torch.tensor(lengths, device=padded.device)[:, None]
