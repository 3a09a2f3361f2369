"""Canary on transformers: 25 languages, transcribed, or translated into English; the language must be told."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers.models.canary.modeling_canary import CanaryForConditionalGeneration
from transformers.models.canary.processing_canary import LANGUAGE_CODE_TO_NAME, CanaryProcessor

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.models.autoregressive import GreedyRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import generate_greedy, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_pretrained
from acento.models.log_mel import check_bins
from acento.models.timing.attention import read_again
from acento.models.timing.words import Timed

WINDOW_S: Final = 40.0
"""What NVIDIA cuts long audio into for Canary (``chunk_len_in_secs`` of NeMo's chunked inference)."""
_MORE_TOKENS: Final = 50
"""Tokens that a text may have beyond one for each frame of the encoder (NeMo's ``max_generation_delta``)."""
_LEAST_FRAMES: Final = 2
"""Frames from which features can be normalized: one alone has no variance."""
_OPENING: Final = ("<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>")
_CLOSING: Final = ("<|pnc|>", "<|noitn|>", "<|notimestamp|>", "<|nodiarize|>")
"""With punctuation and capitals; numbers as they are spoken; neither times nor speakers."""


def load(folder: Path, options: DecodeOptions) -> "CanaryRecognizer":
    """Load a Canary checkpoint from the files that ``save_pretrained`` writes; see :meth:`Family.load`."""
    processor = load_part("Canary", CanaryProcessor.from_pretrained, folder)
    prompt = read_prompt(processor.tokenizer, options)
    model = load_pretrained("Canary", CanaryForConditionalGeneration, folder, options)
    check_pretrained(folder, model.config.decoder_config.vocab_size, processor.tokenizer)
    return CanaryRecognizer(model, processor.feature_extractor, processor.tokenizer, prompt, words=options.words)


class CanaryRecognizer(GreedyRecognizer):
    """A loaded Canary."""

    window_s: float = WINDOW_S

    def __init__(
        self, model: Any, extractor: Any, tokenizer: Any, prompt: Sequence[int], *, words: bool = False
    ) -> None:
        """Take a model that is on its device, in evaluation mode, and the token ids of its prompt.

        ``words``: it says when each was said.
        """
        super().__init__(model, tokenizer)
        encoder = model.config.encoder_config
        check_bins(encoder.num_mel_bins, extractor.feature_size, "processor_config.json")
        self._extractor, self._prompt, self._words = extractor, list(prompt), words
        self._frame: int = extractor.hop_length * encoder.subsampling_factor
        self._longest_text: int = model.config.decoder_config.max_position_embeddings - len(self._prompt)

    def values(self, window: Audio) -> Tensor:
        """Return log-mel features, shape ``(frames, mel bins)``, 10 ms a frame, normalized over the clip's own time."""
        least = _LEAST_FRAMES * self._extractor.hop_length
        samples = np.pad(window, (0, max(0, least - len(window))))
        made = self._extractor([samples], sampling_rate=SAMPLE_RATE, return_tensors="pt")
        values: Tensor = made.input_features[0][made.attention_mask[0].bool()]
        return values

    def limit(self, samples: int) -> int:
        """See :meth:`GreedyRecognizer.limit`; an empty clip has no text."""
        return min(self._longest_text, ceil(samples / self._frame) + _MORE_TOKENS) if samples else 0

    def write(self, values: Sequence[Tensor], limits: Sequence[int]) -> list[list[int]] | list[Timed]:
        """See :meth:`GreedyRecognizer.write`: clips are padded to one length, and the padding is masked."""
        lengths = torch.tensor([len(one) for one in values])
        batch = pad_sequence(list(values), batch_first=True)
        mask = torch.arange(batch.shape[1]) < lengths[:, None]
        features = batch.to(self._device, self._model.dtype, non_blocking=True)
        own = mask.to(self._device, non_blocking=True)
        texts = generate_greedy(
            self._model,
            limits,
            input_features=features,
            attention_mask=own,
            decoder_input_ids=torch.tensor([self._prompt] * len(batch), device=self._device),
            decoder_start_token_id=self._prompt[0],
        )
        if not self._words:
            return texts
        encoded = self._model.model.encoder(features, attention_mask=own)
        heard = encoded.attention_mask
        return read_again(
            self._model,
            texts,
            attentions=[layer.encoder_attn for layer in self._model.model.decoder.layers],
            prompt=self._prompt,
            end=self._model.config.eos_token_id,
            frames=[encoded.last_hidden_state.shape[1]] * len(texts) if heard is None else heard.sum(dim=-1).tolist(),
            frame_s=self._frame / SAMPLE_RATE,
            encoder_outputs=encoded,
        )


def read_prompt(tokenizer: Any, options: DecodeOptions) -> list[int]:
    """Return the token ids that tell Canary what to write, as its processor's chat template lists them.

    Raises:
        ModelError: the language is not told, or the model lacks it, or a token of the prompt.
    """
    vocabulary = tokenizer.get_vocab()
    # the vocabulary has a token for almost any language, trained or not; those of the processor are trained
    known = [code for code in LANGUAGE_CODE_TO_NAME if f"<|{code}|>" in vocabulary]
    if options.language is None:
        raise ModelError(
            f"A Canary must be told the language that is spoken: give --language; it knows {', '.join(sorted(known))}."
        )
    if options.language not in known:
        raise ModelError(
            f"This model does not know language {options.language!r}; it knows {', '.join(sorted(known))}."
        )
    target = options.language if options.task == "transcribe" else "en"
    tokens = [*_OPENING, f"<|{options.language}|>", f"<|{target}|>", *_CLOSING]
    missing = [token for token in tokens if token not in vocabulary]
    if missing:
        raise ModelError(
            f"The tokenizer of this Canary lacks {', '.join(missing)}; take its files from the model it was made from."
        )
    return [vocabulary[token] for token in tokens]
