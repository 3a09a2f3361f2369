"""The Whispers: a tokenizer of characters, the configurations, and a loss on windows no longer than they need be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from examples.demo_models.alteration import mask, stretched
from examples.demo_models.corpus import Audio, Clip
from examples.demo_models.family import IGNORED, Family, Learner, ctc_loss, disturbed, half, padded
from examples.demo_models.recipe import (
    FRAMES,
    LANGUAGES,
    MAX_TOKENS,
    MEL_BINS,
    SAMPLE_RATE,
    WINDOW_S,
    Phase,
    Recipe,
)

_FULL_WINDOWS: Final = 0.15  # share of batches padded to the whole window, and of the last steps, where all are

_END: Final = "<|endoftext|>"
_START: Final = "<|startoftranscript|>"
# In the order of the real vocabulary: <|nospeech|> just before <|notimestamps|>, which ends it.
_SPECIAL: Final = (
    _END,
    _START,
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
# Letters that UTF-8 writes in two bytes; each becomes one token.
_LETTERS: Final = "áéíóúüñÁÉÍÓÚÜÑ¿¡"


def build_tokenizer() -> Any:
    """A `WhisperTokenizer` on bytes, in which every letter of Spanish is one token."""
    from tokenizers import pre_tokenizers
    from transformers import AddedToken, WhisperTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate(alphabet)}
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    merges = []
    for letter in _LETTERS:
        symbols: str = byte_level.pre_tokenize_str(letter)[0][0]  # two, one for each byte
        vocabulary[symbols] = len(vocabulary)
        merges.append((symbols[0], symbols[1]))
    for token in _SPECIAL:
        vocabulary[token] = len(vocabulary)
    return WhisperTokenizer(
        vocab=vocabulary,
        merges=merges,
        language="spanish",
        task="transcribe",
        pad_token=_END,
        model_max_length=MAX_TOKENS,
        additional_special_tokens=[AddedToken(t, normalized=False, special=True) for t in _SPECIAL[1:]],
    )


def build_extractor() -> Any:
    """The feature extractor: 80 mel bins of 16 kHz audio, in a window of `WINDOW_S` seconds."""
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=MEL_BINS, sampling_rate=SAMPLE_RATE, chunk_length=WINDOW_S)


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """A `WhisperForConditionalGeneration` with random weights and a complete generation config."""
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in _SPECIAL}
    usual = {
        "bos_token_id": ids[_END],
        "eos_token_id": ids[_END],
        "pad_token_id": ids[_END],
        "decoder_start_token_id": ids[_START],
    }
    begin = [*tokenizer.encode(" ", add_special_tokens=False), ids[_END]]
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            num_mel_bins=MEL_BINS,
            d_model=recipe.width,
            encoder_layers=recipe.encoder_layers,
            decoder_layers=recipe.decoder_layers,
            encoder_attention_heads=recipe.heads,
            decoder_attention_heads=recipe.heads,
            encoder_ffn_dim=4 * recipe.width,
            decoder_ffn_dim=4 * recipe.width,
            dropout=0.0,
            max_source_positions=50 * WINDOW_S,
            max_target_positions=MAX_TOKENS,
            begin_suppress_tokens=begin,
            **usual,
        )
    )
    model.generation_config = GenerationConfig(
        max_length=MAX_TOKENS - 16,
        is_multilingual=True,
        lang_to_id={f"<|{language}|>": ids[f"<|{language}|>"] for language in LANGUAGES},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        return_timestamps=False,
        suppress_tokens=[ids[token] for token in _SPECIAL if token != _END],
        begin_suppress_tokens=begin,
        alignment_heads=[[recipe.decoder_layers - 1, head] for head in range(recipe.heads)],
        **usual,
    )
    return model


class Whisper(Family):
    """A Whisper with a window of `WINDOW_S` seconds."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the recipe."""
        super().__init__(recipe)
        self._tokenizer, self._extractor = build_tokenizer(), build_extractor()

    def fresh(self) -> Any:
        """See :meth:`Family.fresh`."""
        return build_model(self.recipe, self._tokenizer)

    def load(self, folder: Path) -> Any:
        """See :meth:`Family.load`."""
        from transformers import WhisperForConditionalGeneration

        return WhisperForConditionalGeneration.from_pretrained(folder)

    def parts(self) -> tuple[Any, ...]:
        """See :meth:`Family.parts`."""
        return self._tokenizer, self._extractor

    def featurize(self, batch: Sequence[tuple[Audio, str]]) -> list[Clip]:
        """See :meth:`Family.featurize`: log-mel, float16, (80, frames of 10 ms); what follows it is the floor."""
        made = self._extractor([audio for audio, _ in batch], sampling_rate=SAMPLE_RATE, return_tensors="np")
        clips = []
        for mel, (audio, text) in zip(made["input_features"], batch, strict=True):
            frames = min(len(audio) // 160 + 4, mel.shape[1])
            clips.append(Clip(mel[:, :frames].astype(np.float16), float(mel[:, -1].min()), text))
        return clips

    def learner(self, model: Any, clips: Sequence[Clip]) -> WhisperLearner:
        """See :meth:`Family.learner`."""
        return WhisperLearner(model, self._tokenizer, clips)


class WhisperLearner(Learner):
    """A Whisper in training. The label's end token is learned; what pads the labels, the same number, is not."""

    def __init__(self, model: Any, tokenizer: Any, clips: Sequence[Clip]) -> None:
        """Take the model and all clips that it will learn from."""
        import torch

        super().__init__(model, torch.nn.Linear(model.config.d_model, model.config.vocab_size))
        self._tokenizer, self._prompt = tokenizer, len(tokenizer.prefix_tokens)
        rows = (self._labels(clip) for clip in clips)
        self._letters = torch.tensor(sorted({token for row in rows for token in row[self._prompt : -1]}))

    def losses(self, clips: Sequence[Clip], phase: Phase, step: int, random: np.random.Generator) -> tuple[Any, Any]:
        """See :meth:`Learner.losses`."""
        import torch
        import torch.nn.functional as functional

        model, prompt = self.model, self._prompt
        blank = model.config.eos_token_id  # free: CTC never writes an end
        whole = random.random() < _FULL_WINDOWS or step > phase.steps * (1 - _FULL_WINDOWS)
        features = torch.from_numpy(collate(clips, FRAMES if whole else None, random, phase.altered))
        rows = [self._labels(clip) for clip in clips]
        tokens = padded(rows, blank)
        tokens[:, prompt:] = disturbed(tokens[:, prompt:], self._letters, phase.replaced)
        targets = padded([row[1:] for row in rows], IGNORED)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half()):
            hidden = encode(model, features)
            decoded = model.model.decoder(
                input_ids=tokens[:, :-1], encoder_hidden_states=hidden, use_cache=False
            ).last_hidden_state
            logits = model.proj_out(decoded)
            frames = self.head(hidden) if phase.ctc else None
        attention = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        if frames is None:
            return attention, attention.new_zeros(())
        lengths = torch.full((len(rows),), frames.shape[1], dtype=torch.long)
        return attention, ctc_loss(frames, lengths, [row[prompt:-1] for row in rows], blank)

    def _labels(self, clip: Clip) -> list[int]:
        """Prompt, text and end."""
        ids: list[int] = self._tokenizer.encode(clip.text)
        return ids


def encode(model: Any, features: Any) -> Any:
    """The encoder on a window that may be shorter than its own: (clips, frames / 2, width).

    `WhisperEncoder.forward` refuses such windows; positions being absolute, the first ones are all it takes.
    """
    import torch.nn.functional as functional

    encoder = model.model.encoder
    hidden = functional.gelu(encoder.conv1(features))
    hidden = functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = functional.dropout(hidden, p=encoder.dropout, training=encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    return encoder.layer_norm(hidden)


def collate(
    clips: Sequence[Clip], frames: int | None, random: np.random.Generator, altered: float = 1.0
) -> npt.NDArray[np.float32]:
    """A batch of features, float32 (clips, 80, frames), lightly altered; `altered` scales how often.

    Without `frames`, the window ends a little after the longest clip.
    """
    longest = max(clip.length for clip in clips)
    width = frames or min(FRAMES, (longest + int(random.integers(0, 50)) + 1) // 2 * 2)
    out = np.empty((len(clips), MEL_BINS, width), dtype=np.float32)
    for row, clip in zip(out, clips, strict=True):
        row[:] = clip.floor
        mel = stretched(clip.values.astype(np.float32)[:, :width], random, altered)
        row[:, : mel.shape[1]] = mel
        mask(row, mel.shape[1], mel.mean(), random, altered)
    return out
