"""The Parakeet: FastConformer and CTC. Letters are its tokens, and a frame of its encoder is 40 ms.

Parakeet's own frames of 80 ms are too long for letters: fast speech has more than twelve a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from examples.demo_models.alteration import mask, stretched
from examples.demo_models.corpus import Audio, Clip, in_16_bits, in_floats
from examples.demo_models.family import Family, Learner, ctc_loss, half
from examples.demo_models.recipe import MEL_BINS, SAMPLE_RATE, Phase, Recipe

LETTERS: Final = "abcdefghijklmnopqrstuvwxyzáéíñóúü"
SPACE: Final = "▁"
_BLANK: Final = "<pad>"
_UNKNOWN: Final = "<unk>"
SUBSAMPLING: Final = 4
KERNEL: Final = 9
_CHANNELS: Final = 24


class Parakeet(Family):
    """A ParakeetForCTC."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the recipe."""
        from transformers import ParakeetFeatureExtractor

        super().__init__(recipe)
        self._tokenizer = build_tokenizer()
        self._extractor = ParakeetFeatureExtractor(feature_size=MEL_BINS, sampling_rate=SAMPLE_RATE)

    def fresh(self) -> Any:
        """See :meth:`Family.fresh`."""
        return build_model(self.recipe, self._tokenizer)

    def load(self, folder: Path) -> Any:
        """See :meth:`Family.load`."""
        from transformers import ParakeetForCTC

        return ParakeetForCTC.from_pretrained(folder)

    def parts(self) -> tuple[Any, ...]:
        """See :meth:`Family.parts`."""
        from transformers import ParakeetProcessor

        return (ParakeetProcessor(self._extractor, self._tokenizer),)

    def featurize(self, batch: Sequence[tuple[Audio, str]]) -> list[Clip]:
        """See :meth:`Family.featurize`: log-mel, each bin of mean 0 and variance 1, float16, (80, frames of 10 ms)."""
        made = self._extractor([in_floats(in_16_bits(audio)) for audio, _ in batch], sampling_rate=SAMPLE_RATE)
        rows = zip(made.input_features, made.attention_mask, batch, strict=True)
        return [Clip(mel[: int(own.sum())].T.numpy().astype(np.float16), 0.0, text) for mel, own, (_, text) in rows]

    def learner(self, model: Any, clips: Sequence[Clip]) -> ParakeetLearner:  # noqa: ARG002
        """See :meth:`Family.learner`."""
        return ParakeetLearner(model, self._tokenizer)


class ParakeetLearner(Learner):
    """A Parakeet in training."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Take the model and its tokenizer."""
        super().__init__(model)
        self._tokenizer = tokenizer

    def losses(self, clips: Sequence[Clip], phase: Phase, step: int, random: np.random.Generator) -> tuple[Any, Any]:  # noqa: ARG002
        """See :meth:`Learner.losses`."""
        import torch

        longest = max(clip.length for clip in clips)
        features = np.zeros((len(clips), MEL_BINS, longest), dtype=np.float32)
        for row, clip in zip(features, clips, strict=True):
            own = row[:, : clip.length]
            own[:] = stretched(clip.values.astype(np.float32), random, phase.altered)
            mask(own, clip.length, 0.0, random, phase.altered)
        frames = torch.tensor([clip.length for clip in clips])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half()):
            hidden = self.model.encoder(
                torch.from_numpy(features).transpose(1, 2), attention_mask=torch.arange(longest) < frames[:, None]
            ).last_hidden_state
            logits = self.model.ctc_head(hidden)
        written = [self._tokenizer(clip.text, add_special_tokens=False).input_ids for clip in clips]
        lengths = self.model._get_subsampling_output_length(frames)
        loss = ctc_loss(logits, lengths.long(), written, self.model.config.pad_token_id)
        return loss.new_zeros(()), loss


def build_tokenizer() -> Any:
    """A `ParakeetTokenizer` of single letters; its padding is the blank, the last id."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import ParakeetTokenizer

    ids = {piece: number for number, piece in enumerate((_UNKNOWN, SPACE, *LETTERS, _BLANK))}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[], unk_token=_UNKNOWN))
    # a text begins with its first letter: NeMo's models of letters write no space before it
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
    tokenizer.add_special_tokens([_UNKNOWN, _BLANK])
    return ParakeetTokenizer(tokenizer_object=tokenizer, unk_token=_UNKNOWN, pad_token=_BLANK)


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A `ParakeetForCTC` with random weights."""
    import torch
    from transformers import ParakeetCTCConfig, ParakeetForCTC

    model = ParakeetForCTC(
        ParakeetCTCConfig(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            encoder_config={
                "hidden_size": recipe.width,
                "num_hidden_layers": recipe.encoder_layers,
                "num_attention_heads": recipe.heads,
                "intermediate_size": 3 * recipe.width,
                "conv_kernel_size": KERNEL,
                "subsampling_factor": SUBSAMPLING,
                "subsampling_conv_channels": _CHANNELS,
                "num_mel_bins": MEL_BINS,
                "scale_input": False,
                "dropout": 0.0,
                "layerdrop": 0.0,
                "activation_dropout": 0.0,
                "attention_dropout": 0.0,
            },
        )
    )
    for module in model.modules():  # what Parakeet begins with suits a width of a thousand
        if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d):
            module.reset_parameters()
    return model
