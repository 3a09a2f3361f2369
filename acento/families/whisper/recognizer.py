"""The Whisper family on transformers: every size, multilingual or English-only, 80 or 128 mel bins, any window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor
from transformers.models.whisper.tokenization_whisper import WhisperTokenizer

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.families.whisper.decoder import GreedyDecoder
from acento.families.whisper.encoder import encode
from acento.families.whisper.generation import START, no_speech_token, read_generation
from acento.families.whisper.prompt import read_prompt, with_context
from acento.families.whisper.timing import TimingDecoder, onset_s, positions_of, words_in
from acento.models.base import Audio, DecodeOptions, Transcript
from acento.models.checkpoints.pretrained import TorchRecognizer, explained, load_part
from acento.models.checkpoints.self_check import check_pretrained
from acento.models.log_mel import LogMel
from acento.models.timing.words import Timing

_CACHED_FRAMES = 2400
"""Mel frames that a CPU encodes at once; the activations of more leave its cache, and it is a fifth slower."""
_FEW_TOKENS = 16
"""A text in a short window may have so many more tokens than the window's share of the longest."""


def load_writing(folder: Path, config: Any) -> tuple[Any, Any]:
    """Load what a Whisper writes with, and no weights: its tokenizer and its generation config.

    Raises:
        ModelError: a file is missing or damaged, or the tokenizer writes no text of this model.
    """
    with explained("Whisper", folder):
        tokenizer = WhisperTokenizer.from_pretrained(folder, local_files_only=True)
        generation = read_generation(folder, config, tokenizer)
    check_pretrained(folder, config.vocab_size, tokenizer)
    start = tokenizer.get_vocab().get(START)
    if start is None or start != generation.decoder_start_token_id:
        its = f"its {START} is token {start}" if start is not None else f"it has no {START}"
        raise ModelError(
            f"The tokenizer of model {folder} does not belong to it: {its}, the model's is token "
            f"{generation.decoder_start_token_id}; copy the tokenizer's files from the model it was made from."
        )
    return tokenizer, generation


def load_features(folder: Path, mel_bins: int) -> Any:
    """Load a Whisper's feature extractor, or make it where it has no file: Whispers differ in their mel bins only.

    Raises:
        ModelError: the file is damaged.
    """
    if any((folder / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")):
        return load_part("Whisper", WhisperFeatureExtractor.from_pretrained, folder)
    return WhisperFeatureExtractor(feature_size=mel_bins)


def written_tokens(generation: Any) -> dict[str, Any]:
    """Return which token ends a text, which are never written, and which not first, as decoders take them."""
    eos = generation.eos_token_id
    return {
        "eos": eos[0] if isinstance(eos, list) else eos,
        "suppress": generation.suppress_tokens or (),
        "begin_suppress": generation.begin_suppress_tokens or (),
    }


@dataclass(frozen=True, slots=True)
class Written:
    """What a Whisper wrote for one window."""

    ids: list[int]
    """Tokens, without prompt and end token."""
    ended: bool
    """Whether the end token came before the most tokens that it may write."""
    language: str | None = None
    """The code of the language that it was told, or guessed."""
    timing: Timing | None = None
    """Of the tokens, where words were asked for."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a Whisper is given for a batch of windows, where it needs more than their features."""

    features: Tensor
    samples: Sequence[int]
    """The length of each window."""
    seeds: Sequence[str] = ()
    """For each window what its draws follow from."""


def most_tokens(most: int, frames: int, window: int) -> int:
    """Return the most tokens of a text in a window of so many mel frames; ``most`` are those of a whole window.

    What is longer runs away. A whole window has room for 15 tokens a second, which nobody speaks.

    >>> most_tokens(444, 3000, 3000), most_tokens(444, 300, 3000)
    (444, 61)
    """
    return most if frames >= window else min(most, _FEW_TOKENS + ceil(most * frames / window))


class WhisperRecognizer(TorchRecognizer):
    """A loaded Whisper. All that changes during a call is local to it, so threads may share the model."""

    shareable = True

    def __init__(self, model: Any, extractor: Any, tokenizer: Any, options: DecodeOptions) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, tokenizer)
        generation = model.generation_config
        self._features = LogMel(extractor, model.config.num_mel_bins)
        # the model's own window decides, whatever an extractor saved for another one says
        self._frames: int = model.config.max_source_positions * 2
        self.window_s: float = self._frames * self._features.hop / SAMPLE_RATE
        self.fit = options.fit
        self._prompt = with_context(
            read_prompt(generation, options), tokenizer, options, model.config.max_target_positions
        )
        self._languages: dict[str, int] = {}
        if self._prompt.languages:
            self._languages = {token.strip("<|>"): number for token, number in generation.lang_to_id.items()}
        self._codes = {number: code for code, number in self._languages.items()}
        self._decoder = self._make_decoder(model)
        self._timer: TimingDecoder | None = None
        if options.words:
            silent = no_speech_token(tokenizer.get_vocab())
            self._timer = TimingDecoder(model, **written_tokens(generation), no_speech=silent)

    def log_mel(self, windows: Sequence[Audio], context: int | None = None) -> Tensor:
        """Return features, float32, shape ``(batch, mel bins, frames)``, on the host.

        Of a context of so many samples; None: of a whole window.
        """
        return self._features(windows, self._frames if context is None else context // self._features.hop)

    def log_mel_of(self, audio: Audio) -> Tensor:
        """Return one clip's features, shape ``(1, mel bins, frames)``: as long as it is, and at least a silent frame.

        A clip that leaves no room for that in the window has the whole of it.
        """
        return self._features([audio], min(self._features.frames_of(len(audio)), self._frames))

    def prepare(self, windows: Sequence[Audio]) -> Tensor | Heard:
        """Return log-mel features in the model's dtype."""
        return self.prepare_in(windows, None)

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Tensor | Heard:
        """See :meth:`Recognizer.prepare_in`."""
        features = self.log_mel(windows, context).to(self._model.dtype)
        return features if self._timer is None else Heard(features, [len(window) for window in windows])

    @torch.inference_mode()
    def infer(self, features: Tensor | Heard) -> list[Written]:
        """Return the tokens written for each window."""
        return self._write(features)

    def finish(self, tokens: Sequence[Written]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        return [transcript_of(one, self._text(one.ids).strip(), self._tokenizer) for one in tokens]

    @torch.inference_mode()
    def spoken_languages(self, features: Tensor | Heard) -> list[dict[str, float]] | None:
        """See :meth:`Recognizer.spoken_languages`; whatever language the model was told. English-only: None."""
        if not self._languages:
            return None
        encoded = self._encode(_heard(features).features)
        likely = self._language_logits(encoded, list(self._languages.values())).float().softmax(-1).tolist()
        return [dict(zip(self._languages, row, strict=True)) for row in likely]

    def _make_decoder(self, model: Any) -> GreedyDecoder:
        return GreedyDecoder(model, **written_tokens(model.generation_config))

    @torch.inference_mode()
    def _try_out(self, features: Tensor | Heard) -> None:
        self._write(features, max_new_tokens=4)

    def close(self) -> None:
        """See :meth:`Recognizer.close`."""
        del self._decoder, self._timer
        super().close()

    def _write(self, given: Tensor | Heard, max_new_tokens: int | None = None) -> list[Written]:
        heard = _heard(given)
        encoded = self._encode(heard.features)
        prompts = self._prompts(encoded)
        most = self._most(heard.features, prompts, max_new_tokens)
        openings = [row[len(self._prompt.before) :] for row in prompts.tolist()]
        written = [
            replace(one, language=self._codes.get(opening[1]) if self._codes else "en")
            for one, opening in zip(self._texts(heard, encoded, prompts, most), openings, strict=True)
        ]
        if self._timer is None:
            return written
        ids, ended = [one.ids for one in written], [one.ended for one in written]
        positions = [positions_of(samples, encoded.shape[1]) for samples in heard.samples]
        timings = self._timer.read(encoded, openings, ids, ended, positions)
        onsets = [onset_s(*row) for row in zip(heard.features, positions, strict=True)]
        rows = zip(written, timings, onsets, strict=True)
        return [replace(one, timing=replace(timing, onset=onset)) for one, timing, onset in rows]

    def _texts(self, heard: Heard, encoded: Tensor, prompts: Tensor, most: int) -> list[Written]:  # noqa: ARG002
        """Return what is written for each row behind its prompt, of at most so many tokens."""
        return [Written(ids, len(ids) < most) for ids in self._decoder(encoded, prompts, most)]

    def _most(self, features: Tensor, prompts: Tensor, bound: int | None) -> int:
        """Return the most tokens of a text in such windows behind such prompts, and at most a bound."""
        most = most_tokens(self._decoder.max_length - prompts.shape[1], features.shape[-1], self._frames)
        return most if bound is None else min(most, bound)

    def _encode(self, features: Tensor) -> Tensor:
        """Return encoder output, shape ``(batch, positions, d_model)``; a CPU takes a few rows at a time."""
        encoder = self._model.model.encoder
        rows = len(features)
        if self._device.type == "cpu":
            rows = max(1, _CACHED_FRAMES // features.shape[-1])
        parts = [encode(encoder, part) for part in features.to(self._device).split(rows)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _prompts(self, encoded: Tensor) -> Tensor:
        """Return the prompt of each row, shape ``(batch, prompt)``, the language guessed where it was not given."""
        prompt, languages = self._prompt, [self._prompt.language] * len(encoded)
        if prompt.language is None and prompt.languages:
            guesses = self._language_logits(encoded, prompt.languages).argmax(-1).tolist()
            languages = [prompt.languages[guess] for guess in guesses]
        return torch.tensor([prompt.ids(language) for language in languages], device=encoded.device)

    def _language_logits(self, encoded: Tensor, languages: Sequence[int]) -> Tensor:
        """Return the logits of languages as what comes next after the start, shape ``(batch, languages)``."""
        start = torch.full((len(encoded), 1), self._prompt.start, device=encoded.device)
        return self._decoder.next_logits(encoded, start)[:, list(languages)]


def transcript_of(written: Written, text: str, tokenizer: Any) -> Transcript:
    """Return what was written as a transcript; its words where its tokens have times."""
    timing = written.timing
    if timing is None:
        return Transcript(text, written.ended, language=written.language)
    words = words_in(written.ids, timing, tokenizer)
    return Transcript(text, written.ended, words, timing.logprob, timing.no_speech, written.language)


def _heard(given: Tensor | Heard) -> Heard:
    return given if isinstance(given, Heard) else Heard(given, ())
