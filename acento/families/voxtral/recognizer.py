"""The Voxtral family on transformers: a Whisper encoder whose output a language model reads as if it were words.

It is asked for a transcript as Mistral asks it (``InstructTokenizerV7.encode_transcription`` of mistral-common 1.13):
``<s>[INST][BEGIN_AUDIO][AUDIO]…[/INST]lang:es[TRANSCRIBE]``, one ``[AUDIO]`` for each 80 ms, in chunks of 30 s; without
a language that part is left out and the model guesses. Clips of different lengths stand in one batch, padded on the
left and masked, so that each is written as it would be alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, VoxtralConfig
from transformers.models.voxtral.modeling_voxtral import VoxtralForConditionalGeneration
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.families.voxtral.tekken import Tekken
from acento.models.autoregressive import GreedyRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import load_part, load_pretrained
from acento.models.checkpoints.self_check import check_tokenizer
from acento.models.log_mel import LogMel

WINDOW_S: Final = 120.0
"""Seconds that are transcribed at once. The model card allows 30 minutes, whose keys and values are 2.8 GB for each
clip of Voxtral Mini in half precision; those of two minutes are 180 MB, so that sixteen fit beside its weights."""
_TOKENS_PER_SECOND: Final = 16
"""What a text may have at most, and ``_FEWEST`` more: twice what the fastest speakers need. A model that repeats itself
is stopped there."""
_FEWEST: Final = 32
_CHUNKS_AT_ONCE: Final = {"cpu": 1}
"""Chunks that go through the encoder together; elsewhere ``_MANY``."""
_MANY: Final = 32


def load(folder: Path, options: DecodeOptions) -> "VoxtralRecognizer":
    """Load a Voxtral checkpoint from the files that are on the hub; see :meth:`Family.load`."""
    tokenizer = load_tokenizer(folder, load_part("Voxtral", VoxtralConfig.from_pretrained, folder))
    model = load_pretrained("Voxtral", VoxtralForConditionalGeneration, folder, options)
    extractor = load_part("Voxtral", WhisperFeatureExtractor.from_pretrained, folder)
    return VoxtralRecognizer(model, extractor, tokenizer, read_prompt(tokenizer, model.config, options))


def load_tokenizer(folder: Path, config: Any) -> Tekken:
    """Load a Voxtral's tokenizer; raise ModelError where it is damaged or writes no text of this model."""
    tokenizer = Tekken.load(folder)
    check_tokenizer(folder, config.text_config.vocab_size, tokenizer.decode, tokenizer.encode)
    return tokenizer


@dataclass(frozen=True, slots=True)
class AudioPrompt:
    """Token ids of a transcription request, around the audio."""

    before: tuple[int, ...]
    audio: int
    after: tuple[int, ...]
    end: int
    """What ends a text."""

    def ids(self, audio_tokens: int) -> list[int]:
        """Return the whole request for audio of so many tokens."""
        return [*self.before, *[self.audio] * audio_tokens, *self.after]


def read_prompt(tokenizer: Tekken, config: Any, options: DecodeOptions) -> AudioPrompt:
    """Return what the model is asked, which is for a transcript in the language of the options.

    Raises:
        ModelError: that is no ISO 639-1 code, the task is another one, or tokenizer and config do not belong together.
    """
    if options.task != "transcribe":
        raise ModelError(f"Voxtral is asked for transcripts only, and not for task {options.task!r}; take a Whisper.")
    if options.language is not None and re.fullmatch("[a-z]{2}", options.language) is None:
        raise ModelError(
            f"Voxtral is told languages by two letters, such as es; it cannot be told language {options.language!r}."
        )
    audio = tokenizer.special("[AUDIO]")
    if audio != config.audio_token_id:
        raise ModelError(
            f"The model's config.json says that audio is token {config.audio_token_id}, its tekken.json says {audio}; "
            "take both from the same model."
        )
    language = [] if options.language is None else tokenizer.encode(f"lang:{options.language}")
    return AudioPrompt(
        before=tuple(map(tokenizer.special, ("<s>", "[INST]", "[BEGIN_AUDIO]"))),
        audio=audio,
        after=(tokenizer.special("[/INST]"), *language, tokenizer.special("[TRANSCRIBE]")),
        end=tokenizer.special("</s>"),
    )


def most_tokens(seconds: float) -> int:
    """Return the most tokens that the text of so much audio may have.

    >>> most_tokens(1.0), most_tokens(30.0)
    (48, 512)
    """
    return _FEWEST + ceil(_TOKENS_PER_SECOND * seconds)


class VoxtralRecognizer(GreedyRecognizer):
    """A loaded Voxtral. All that changes during a call is local to it, so threads may share the model."""

    shareable = True

    def __init__(self, model: Any, extractor: Any, tokenizer: Tekken, prompt: AudioPrompt) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, tokenizer)
        self.prompt = prompt
        self._log_mel = LogMel(extractor, model.config.audio_config.num_mel_bins)
        self._frames: int = model.config.audio_config.max_source_positions * 2
        self._chunk: int = self._frames * extractor.hop_length
        self.chunk_s = self._chunk / SAMPLE_RATE
        """Seconds that the encoder hears at once."""
        self.window_s: float = max(1, int(WINDOW_S / self.chunk_s)) * self.chunk_s
        self._positions: int = model.config.text_config.max_position_embeddings

    def values(self, window: Audio) -> Tensor:
        """Return log-mel features in the model's dtype, shape ``(chunks, bins, frames)``."""
        return self.log_mel(window).to(self._model.dtype)

    def limit(self, samples: int) -> int:
        """See :meth:`GreedyRecognizer.limit`."""
        return most_tokens(samples / SAMPLE_RATE)

    def log_mel(self, audio: Audio) -> Tensor:
        """Return the features of a clip, float32, shape ``(chunks, bins, frames)``: at least one chunk, all filled.

        The whole clip is transformed and then cut, and its loudest place is that of the whole clip.
        """
        count = max(1, ceil(len(audio) / self._chunk))
        made = self._log_mel([audio], count * self._frames)[0]
        return made.unflatten(-1, (count, self._frames)).transpose(0, 1)

    def write(self, values: Sequence[Tensor], limits: Sequence[int]) -> list[list[int]]:
        """See :meth:`GreedyRecognizer.write`."""
        chunks = torch.cat(list(values))
        audio = self.encode_audio(chunks)
        parts = audio.split([len(one) * (len(audio) // len(chunks)) for one in values])
        return self._continue([self.embed_prompt(part) for part in parts], limits)

    def encode_audio(self, chunks: Tensor) -> Tensor:
        """Return what the language model reads instead of ``[AUDIO]``, shape ``(chunks * tokens, hidden)``."""
        rows = _CHUNKS_AT_ONCE.get(self._device.type, _MANY)
        parts = [
            self._model.get_audio_features(part.to(self._device, non_blocking=True)).pooler_output
            for part in chunks.split(rows)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def embed_prompt(self, audio: Tensor, written: Sequence[int] = ()) -> Tensor:
        """Return what the language model reads for a clip, request and what follows, shape ``(tokens, hidden)``."""
        before, after = self.prompt.before, (*self.prompt.after, *written)
        embedded = self._model.get_input_embeddings()(torch.tensor([*before, *after], device=self._device))
        return torch.cat([embedded[: len(before)], audio, embedded[len(before) :]])

    def _text(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids))

    def _continue(self, rows: Sequence[Tensor], limits: Sequence[int]) -> list[list[int]]:
        """Write greedily after each row until the end token or its limit; a row that has ended stays ended."""
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        inputs = pad_sequence(list(rows), batch_first=True, padding_side="left")
        longest = inputs.shape[1]
        mask = (torch.arange(longest, device=self._device) >= longest - lengths[:, None]).long()
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        most = [min(limit, self._positions - length) for limit, length in zip(limits, lengths.tolist(), strict=True)]
        language_model, head, end = self._model.model.language_model, self._model.lm_head, self.prompt.end
        cache = DynamicCache(config=self._model.config.text_config)
        written: list[list[int]] = [[] for _ in rows]
        alive = {row for row, limit in enumerate(most) if limit > 0}
        while alive:
            hidden = language_model(
                inputs_embeds=inputs, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True
            ).last_hidden_state
            token = head(hidden[:, -1]).argmax(-1)
            for row, value in enumerate(token.tolist()):
                if row in alive and value != end:
                    written[row].append(value)
                if value == end or len(written[row]) >= most[row]:
                    alive.discard(row)
            inputs = language_model.get_input_embeddings()(token[:, None])
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            places = places[:, -1:] + 1
        return written
