"""Canary on transformers: 25 languages, transcribed, or translated into English; the language must be told."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from acento.models.base import Audio, DecodeOptions, Transcript
from acento.models.checkpoints.pretrained import TorchRecognizer, generate_greedy, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_pretrained

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
    """Load a Canary checkpoint from the files that ``save_pretrained`` writes.

    Raises:
        ModelError: a file is missing or damaged, or the model lacks the language, or is told none.
    """
    processor = load_part("Canary", CanaryProcessor.from_pretrained, folder)
    prompt = read_prompt(processor.tokenizer, options)
    model = load_pretrained("Canary", CanaryForConditionalGeneration, folder, options)
    check_pretrained(folder, model.config.decoder_config.vocab_size, processor.tokenizer)
    return CanaryRecognizer(model, processor.feature_extractor, processor.tokenizer, prompt)


@dataclass(frozen=True, slots=True)
class Features:
    """Log-mel features of clips, on the host."""

    values: list[Tensor]
    """float32, each of shape ``(frames, mel bins)``, 10 ms a frame."""
    samples: list[int]
    """Samples of each clip."""


class CanaryRecognizer(TorchRecognizer):
    """A loaded Canary."""

    window_s: float = WINDOW_S

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, prompt: Sequence[int]) -> None:
        """Take a model that is on its device, in evaluation mode, and the token ids of its prompt."""
        super().__init__(model, model.device)
        config = model.config
        if extractor.feature_size != config.encoder_config.num_mel_bins:
            raise ModelError(
                f"The model wants {config.encoder_config.num_mel_bins} mel bins, its processor_config.json makes "
                f"{extractor.feature_size}; take that file from the model it was made from."
            )
        self._extractor, self._tokenizer, self._prompt = extractor, tokenizer, list(prompt)
        self._frame: int = extractor.hop_length * config.encoder_config.subsampling_factor
        self._longest_text: int = config.decoder_config.max_position_embeddings - len(self._prompt)

    def prepare(self, windows: Sequence[Audio]) -> Features:
        """Return log-mel features, each clip's normalized over its own time."""
        return Features([self._log_mel(window) for window in windows], [len(window) for window in windows])

    @torch.inference_mode()
    def infer(self, features: Features) -> list[list[int]]:
        """Return the token ids written for each clip, without prompt and end token."""
        return self._write(features, [self._limit(samples) for samples in features.samples])

    def finish(self, tokens: list[list[int]]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Transcript(text.strip()) for text in texts]

    def warm_up(self, batch_size: int) -> None:
        """See :meth:`Recognizer.warm_up`: a batch of soft noise, a few tokens long."""
        count = batch_size if self._device.type != "cpu" else 1
        noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)).numpy() * 1e-3
        self._write(self.prepare([noise] * count), [4] * count)
        self.synchronize()

    def _write(self, features: Features, limits: Sequence[int]) -> list[list[int]]:
        """Pad clips to one length, mask the padding, and write."""
        lengths = torch.tensor([len(values) for values in features.values])
        batch = pad_sequence(features.values, batch_first=True)
        mask = torch.arange(batch.shape[1]) < lengths[:, None]
        return generate_greedy(
            self._model,
            limits,
            input_features=batch.to(self._device, self._model.dtype, non_blocking=True),
            attention_mask=mask.to(self._device, non_blocking=True),
            decoder_input_ids=torch.tensor([self._prompt] * len(batch), device=self._device),
            decoder_start_token_id=self._prompt[0],
        )

    def _log_mel(self, window: Audio) -> Tensor:
        """Return one clip's features, shape ``(frames, mel bins)``, float32; what is too short is lengthened."""
        least = _LEAST_FRAMES * self._extractor.hop_length
        samples = np.pad(window, (0, max(0, least - len(window))))
        made = self._extractor([samples], sampling_rate=SAMPLE_RATE, return_tensors="pt")
        values: Tensor = made.input_features[0][made.attention_mask[0].bool()]
        return values

    def _limit(self, samples: int) -> int:
        """Return the most tokens for a clip; an empty one has no text."""
        if samples == 0:
            return 0
        return min(self._longest_text, ceil(samples / self._frame) + _MORE_TOKENS)


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
