"""Parakeet on transformers: the CTC models, and the transducers (RNN-T and TDT), which transcribe only.

A transducer writes whatever language it learned and hears; it is told none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    ParakeetFeatureExtractor,
    ParakeetForRNNT,
    ParakeetForTDT,
    ParakeetTokenizer,
)

from acento.families.ctc.features import FeatureMaker, feature_maker, frames_per_s
from acento.families.ctc.recognizer import WINDOW_S, refuse_translation
from acento.families.ctc.recognizer import load as load_ctc
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.completed import json_object
from acento.models.checkpoints.pretrained import TorchRecognizer, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_pretrained
from acento.models.timing.frames import frame_timing
from acento.models.timing.words import Timed

_KINDS = {"parakeet_rnnt": ParakeetForRNNT, "parakeet_tdt": ParakeetForTDT}


def load(folder: Path, options: DecodeOptions) -> Recognizer:
    """Load a Parakeet checkpoint from the files that ``save_pretrained`` writes; see :meth:`Family.load`."""
    kind = _KINDS.get(str(json_object(folder / "config.json").get("model_type")))
    if kind is None:
        return load_ctc(folder, options)
    refuse_translation(options)
    model = load_pretrained("Parakeet", kind, folder, options)
    extractor = load_part("Parakeet", ParakeetFeatureExtractor.from_pretrained, folder)
    tokenizer = load_part("Parakeet", ParakeetTokenizer.from_pretrained, folder)
    check_pretrained(folder, model.config.vocab_size, tokenizer, group_tokens=False)
    return TransducerRecognizer(model, feature_maker(model.config, extractor), tokenizer, words=options.words)


class TransducerRecognizer(TorchRecognizer):
    """A loaded transducer, decoded greedily by the model's own ``generate``, which keeps its state in the model."""

    window_s = WINDOW_S

    def __init__(self, model: Any, features: FeatureMaker, tokenizer: Any, *, words: bool = False) -> None:
        """Take a model that is on its device, in evaluation mode; ``words``: it says when each was said."""
        super().__init__(model, tokenizer)
        self._words, self.frame_s = words, 1 / frames_per_s(model.config)
        self._features = features
        config = model.config
        self._silent = {config.blank_token_id, config.pad_token_id}
        # TDT's logits of durations stand behind those of tokens, and generate() takes the largest of all
        outputs = config.vocab_size + len(getattr(config, "durations", ()))
        self._suppressed = list(range(config.vocab_size, outputs)) or None

    def prepare(self, windows: Sequence[Audio]) -> list[Tensor]:
        """Return each window's log-mel features, float32, shape ``(bins, frames)``, on the host."""
        return [self._features(window) for window in windows]

    @torch.inference_mode()
    def infer(self, features: list[Tensor]) -> list[list[int]] | list[Timed]:
        """Return the ids written for each window, without blanks; with their times where words are asked for.

        ``generate`` lets a row that has passed its last frame write on until all have, and ends a row that stays at a
        frame for ever by a bound that it takes from the longest. Both are undone, so that a row alone writes the same.
        """
        model = self._model
        frames = torch.tensor([one.shape[1] for one in features])
        padded = pad_sequence([one.T for one in features], batch_first=True).to(model.device, model.dtype)
        mask = torch.arange(padded.shape[1]) < frames[:, None]
        steps = model._get_subsampling_output_length(frames)
        bounds = (model.config.max_symbols_per_step * steps).tolist()
        gains = _Gains()
        made = model.generate(
            input_features=padded,
            attention_mask=mask.to(model.device),
            decoder_start_token_id=model.config.blank_token_id,
            pad_token_id=model.config.pad_token_id,
            suppress_tokens=self._suppressed,
            max_new_tokens=max(bounds),
            do_sample=False,
            num_beams=1,
            **({"logits_processor": LogitsProcessorList([gains])} if self._words else {}),
        )
        durations = made.durations.cpu()
        begun = durations.cumsum(dim=1) - durations
        inside = (begun < steps[:, None]).tolist()
        lengths = torch.minimum(durations, steps[:, None] - begun)  # a token may be said to go on behind the audio
        found: list[Any] = []
        for row, (numbers, own, bound) in enumerate(zip(made.sequences.tolist(), inside, bounds, strict=True)):
            places = [
                place for place, number in enumerate(numbers[: bound + 1]) if own[place] and number not in self._silent
            ]
            ids = [numbers[place] for place in places]
            if self._words:
                timing = frame_timing(
                    begun[row, places].tolist(), lengths[row, places].tolist(), gains.of(row, places), self.frame_s
                )
                found.append(Timed(ids, timing))
            else:
                found.append(ids)
        return found

    def _text(self, ids: list[int]) -> str:
        """Return the text of ids; letters that stand twice stay so, unlike in CTC."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, group_tokens=False))


class _Gains(LogitsProcessor):  # type: ignore[misc]
    """Notes how likely each token is that ``generate`` takes, and changes nothing."""

    def __init__(self) -> None:
        self._steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002
        self._steps.append((scores.amax(dim=-1) - scores.logsumexp(dim=-1)).float().cpu())
        return scores

    def of(self, row: int, places: Sequence[int]) -> list[float]:
        """Return the log probabilities of a row's tokens; the first place is that of the start."""
        return [float(self._steps[place - 1][row]) for place in places]
