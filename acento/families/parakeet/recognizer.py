"""Parakeet on transformers: the CTC models, and the transducers (RNN-T and TDT), which transcribe only.

A transducer writes whatever language it learned and hears; it is told none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import ParakeetFeatureExtractor, ParakeetForRNNT, ParakeetForTDT, ParakeetTokenizer

from acento.families.ctc.features import FeatureMaker, feature_maker
from acento.families.ctc.recognizer import WINDOW_S, refuse_translation
from acento.families.ctc.recognizer import load as load_ctc
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.completed import json_object
from acento.models.checkpoints.pretrained import TorchRecognizer, load_part, load_pretrained
from acento.models.checkpoints.self_check import check_pretrained

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
    return TransducerRecognizer(model, feature_maker(model.config, extractor), tokenizer)


class TransducerRecognizer(TorchRecognizer):
    """A loaded transducer, decoded greedily by the model's own ``generate``, which keeps its state in the model."""

    window_s = WINDOW_S

    def __init__(self, model: Any, features: FeatureMaker, tokenizer: Any) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, tokenizer)
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
    def infer(self, features: list[Tensor]) -> list[list[int]]:
        """Return the ids written for each window, without blanks.

        ``generate`` lets a row that has passed its last frame write on until all have, and ends a row that stays at a
        frame for ever by a bound that it takes from the longest. Both are undone, so that a row alone writes the same.
        """
        model = self._model
        frames = torch.tensor([one.shape[1] for one in features])
        padded = pad_sequence([one.T for one in features], batch_first=True).to(model.device, model.dtype)
        mask = torch.arange(padded.shape[1]) < frames[:, None]
        steps = model._get_subsampling_output_length(frames)
        bounds = (model.config.max_symbols_per_step * steps).tolist()
        made = model.generate(
            input_features=padded,
            attention_mask=mask.to(model.device),
            decoder_start_token_id=model.config.blank_token_id,
            pad_token_id=model.config.pad_token_id,
            suppress_tokens=self._suppressed,
            max_new_tokens=max(bounds),
            do_sample=False,
            num_beams=1,
        )
        durations = made.durations.cpu()
        inside = (durations.cumsum(dim=1) - durations < steps[:, None]).tolist()
        rows = zip(made.sequences.tolist(), inside, bounds, strict=True)
        return [
            [number for number, own in zip(row, within, strict=True) if own and number not in self._silent]
            for row, within in ((row[: bound + 1], within[: bound + 1]) for row, within, bound in rows)
        ]

    def _text(self, ids: list[int]) -> str:
        """Return the text of ids; letters that stand twice stay so, unlike in CTC."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, group_tokens=False))
