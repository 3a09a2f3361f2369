"""The Moonshine: raw audio, a tokenizer of pieces made from the sentences themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from acento.data.demo.sentences import base_sentences
from examples.demo_models.alteration import hurried
from examples.demo_models.corpus import Audio, Clip, in_16_bits, in_floats
from examples.demo_models.family import IGNORED, Family, Learner, ctc_loss, disturbed, half, padded
from examples.demo_models.recipe import MAX_TOKENS, SAMPLE_RATE, Phase, Recipe

_UNKNOWN: Final = "<unk>"
_START: Final = "<s>"
_END: Final = "</s>"
_SPECIAL: Final = (_UNKNOWN, _START, _END)
_SPACE: Final = "▁"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzáéíñóúü"
_SPOKEN: Final = " " + _LETTERS  # what the CTC head writes, behind the blank: letters are found sooner than pieces
_MERGES: Final = 160  # so that a text has few enough tokens for each second of audio
_SENTENCES: Final = 3_000  # that the merges are learned from
_BAND: Final = (100.0, 7500.0)  # Hz, the lowest and the highest center of the filters that the model begins with
_STRIDES: Final = ((127, 64), (7, 3), (3, 2))  # kernels and strides of the convolutions


class Moonshine(Family):
    """A MoonshineForConditionalGeneration."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the recipe."""
        from transformers import Wav2Vec2FeatureExtractor

        super().__init__(recipe)
        self._tokenizer = build_tokenizer()
        self._extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)

    def fresh(self) -> Any:
        """See :meth:`Family.fresh`."""
        return build_model(self.recipe, self._tokenizer)

    def load(self, folder: Path) -> Any:
        """See :meth:`Family.load`."""
        from transformers import MoonshineForConditionalGeneration

        return MoonshineForConditionalGeneration.from_pretrained(folder)

    def parts(self) -> tuple[Any, ...]:
        """See :meth:`Family.parts`."""
        return self._extractor, self._tokenizer

    def featurize(self, batch: Sequence[tuple[Audio, str]]) -> list[Clip]:
        """See :meth:`Family.featurize`: the samples, 16 bits each."""
        return [Clip(in_16_bits(audio), 0.0, text) for audio, text in batch]

    def learner(self, model: Any, clips: Sequence[Clip]) -> MoonshineLearner:
        """See :meth:`Family.learner`."""
        return MoonshineLearner(model, self._tokenizer, clips)


class MoonshineLearner(Learner):
    """A Moonshine in training."""

    def __init__(self, model: Any, tokenizer: Any, clips: Sequence[Clip]) -> None:
        """Take the model and all clips that it will learn from."""
        import torch

        super().__init__(model, torch.nn.Linear(model.config.hidden_size, 1 + len(_SPOKEN)))
        self._tokenizer = tokenizer
        self._pieces = torch.tensor(sorted({token for clip in clips for token in self._written(clip)}))

    def losses(self, clips: Sequence[Clip], phase: Phase, step: int, random: np.random.Generator) -> tuple[Any, Any]:  # noqa: ARG002
        """See :meth:`Learner.losses`."""
        import torch
        import torch.nn.functional as functional

        heard = [hurried(in_floats(clip.values), random, phase.altered) for clip in clips]
        written = [self._written(clip) for clip in clips]
        config = self.model.config
        inputs = padded([[config.decoder_start_token_id, *row] for row in written], config.eos_token_id)
        inputs[:, 1:] = disturbed(inputs[:, 1:], self._pieces, phase.replaced)
        targets = padded([[*row, config.eos_token_id] for row in written], IGNORED)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half()):
            hidden, frames = encode(self.model, heard)
            own = torch.arange(hidden.shape[1]) < frames[:, None]
            decoded = self.model.model.decoder(
                input_ids=inputs, encoder_hidden_states=hidden, encoder_attention_mask=own, use_cache=False
            ).last_hidden_state
            logits = self.model.proj_out(decoded)
            spoken = self.head(hidden) if phase.ctc else None
        attention = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        if spoken is None:
            return attention, attention.new_zeros(())
        letters = [[1 + _SPOKEN.index(letter) for letter in clip.text] for clip in clips]
        return attention, ctc_loss(spoken, frames, letters, blank=0)

    def _written(self, clip: Clip) -> list[int]:
        """The ids of a text, without its end."""
        ids: list[int] = self._tokenizer(clip.text, add_special_tokens=False).input_ids
        return ids


def encode(model: Any, clips: Sequence[Audio]) -> tuple[Any, Any]:
    """The encoder's output, (clips, frames, width), and how many frames are a clip's own.

    Each clip has what it would have alone: the norm over all of a clip's time leaves its padding out.
    """
    import torch
    import torch.nn.functional as functional

    from acento.families.moonshine.recognizer import attend

    encoder = model.model.encoder
    samples = torch.zeros(len(clips), 1, max(map(len, clips)))
    for row, clip in zip(samples, clips, strict=True):
        row[0, : len(clip)] = torch.from_numpy(clip)
    lengths = torch.tensor([len(clip) for clip in clips])
    kernel, stride = _STRIDES[0]
    lengths = (lengths - kernel) // stride + 1
    hidden = torch.tanh(encoder.conv1(samples)).float()
    own = (torch.arange(hidden.shape[2]) < lengths[:, None])[:, None]
    count = (lengths * hidden.shape[1])[:, None, None]
    mean = (hidden * own).sum((1, 2), keepdim=True) / count
    variance = ((hidden - mean).square() * own).sum((1, 2), keepdim=True) / count
    norm = encoder.groupnorm
    hidden = (hidden - mean) * torch.rsqrt(variance + norm.eps) * norm.weight[:, None] + norm.bias[:, None]
    hidden = functional.gelu(encoder.conv2(hidden))
    hidden = functional.gelu(encoder.conv3(hidden)).transpose(1, 2)
    for kernel, stride in _STRIDES[1:]:
        lengths = (lengths - kernel) // stride + 1
    mask = torch.arange(hidden.shape[1]) < lengths[:, None]
    return encoder.layer_norm(attend(encoder, hidden, mask)), lengths


def build_tokenizer() -> Any:
    """A `PreTrainedTokenizerFast` as Moonshine's: special tokens, bytes, letters, and frequent pieces of words."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    merges = _merges()
    pieces = dict.fromkeys("".join(pair) for pair in merges)
    tokens = (*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), _SPACE, *_LETTERS, *pieces)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=_UNKNOWN, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=_UNKNOWN,
        bos_token=_START,
        eos_token=_END,
        model_max_length=MAX_TOKENS,
    )


@cache
def _merges() -> tuple[tuple[str, str], ...]:
    """The pairs that occur most in base sentences, one after another (Sennrich et al. 2016); none spans two words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace()
    alphabet = [_SPACE, *_LETTERS]
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + _MERGES, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    learned.train_from_iterator(base_sentences(_SENTENCES), trainer)
    return tuple((first, second) for first, second in json.loads(learned.to_str())["model"]["merges"])


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A `MoonshineForConditionalGeneration` with random weights."""
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    model = MoonshineForConditionalGeneration(
        MoonshineConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.width,
            intermediate_size=3 * recipe.width,
            encoder_num_hidden_layers=recipe.encoder_layers,
            decoder_num_hidden_layers=recipe.decoder_layers,
            encoder_num_attention_heads=recipe.heads,
            decoder_num_attention_heads=recipe.heads,
            pad_head_dim_to_multiple_of=8,
            max_position_embeddings=MAX_TOKENS,
            pad_token_id=tokenizer.eos_token_id,
        )
    )
    model.set_attn_implementation("eager")  # several times as fast as sdpa backwards, for clips as short as these
    _begin_as_filters(model.model.encoder)
    return model


def _begin_as_filters(encoder: Any) -> None:
    """Let the convolutions begin as a filter bank: random ones take thousands of steps to become one.

    The first has Gabor filters in pairs a quarter of a wave apart, spaced as mel bins are and stronger where speech
    is weaker (Zeghidour et al. 2018 begin so); the second tells their crests from their troughs; the third adds both
    up, which is about how loud a band is, and takes how that changes.
    """
    import torch

    first, second, third = encoder.conv1, encoder.conv2, encoder.conv3
    for convolution in (first, second, third):
        convolution.reset_parameters()
    bands = first.out_channels // 2
    mels = torch.linspace(*(2595 * math.log10(1 + hertz / 700) for hertz in _BAND), bands)
    frequencies = 700 * (10 ** (mels / 2595) - 1)
    kernel = first.kernel_size[0]
    time = (torch.arange(kernel) - kernel // 2) / SAMPLE_RATE
    window = torch.hann_window(kernel + 2, periodic=False)[1:-1]
    strength = 0.25 * frequencies / 500
    angle = 2 * math.pi * frequencies[:, None] * time
    with torch.no_grad():
        for weight in (second.weight, third.weight, second.bias, third.bias):
            weight.mul_(0.3)
        for quarter, wave in enumerate((angle.cos(), angle.sin())):
            first.weight[quarter::2, 0] = strength[:, None] * window * wave
        for band in range(bands):
            for part in range(4):  # both of a pair, both signs
                unit = 4 * band + part
                second.weight[unit, 2 * band + part // 2, second.kernel_size[0] // 2] += 1.0 if part % 2 else -1.0
                third.weight[band, unit] += 0.25
                third.weight[bands + band, unit, 0] -= 0.5
                third.weight[bands + band, unit, 2] += 0.5
