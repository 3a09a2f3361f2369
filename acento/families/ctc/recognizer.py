"""CTC models on transformers: wav2vec 2.0 and its kin, w2v-BERT and Parakeet, decoded by the best path.

They write the language that they learned; only MMS, which has an adapter for each language, is told one.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoFeatureExtractor
from transformers.models.auto.modeling_auto import MODEL_FOR_CTC_MAPPING

from acento.core.errors import ModelError
from acento.families.ctc.features import FeatureMaker, feature_maker, frames_per_s
from acento.families.ctc.mms import load_adapter
from acento.families.ctc.network import CtcNetwork, network_of
from acento.families.ctc.tokenizer import CtcTokenizer, collapsed, load_tokenizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import TorchRecognizer, explained, load_part, load_pretrained
from acento.models.timing.frames import timed
from acento.models.timing.viterbi import Alphabet, Scores
from acento.models.timing.words import Timed

WINDOW_S = 30.0
"""Seconds that these models are given at once, although they would take any length: attention grows with the square of
it (1,500 frames of 20 ms here), and they were trained on utterances. Longer audio is cut where it is quietest."""
_SPARE = ("masked_spec_embed",)
"""Of SpecAugment, which plays no part; wav2vec2-base-960h, for one, is without."""


def load(folder: Path, options: DecodeOptions) -> "CtcRecognizer":
    """Load a CTC checkpoint from the files that ``save_pretrained`` writes; see :meth:`Family.load`."""
    refuse_translation(options)
    config = load_part("CTC", AutoConfig.from_pretrained, folder)
    made_for = config.architectures or []
    if made_for and not any(name.endswith("ForCTC") for name in made_for):
        raise ModelError(
            f"Model {folder} is a {made_for[0]}, which writes no text: take one that was fine-tuned with CTC."
        )
    if config.model_type == "wavlm":  # it gives torch two kinds of masks, and torch says so once for each process
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
    kind: Any = MODEL_FOR_CTC_MAPPING[type(config)]
    tokenizer = load_tokenizer(folder, config, options.language)
    model = load_pretrained(
        "CTC",
        kind,
        folder,
        options,
        spare=_SPARE,
        attn_implementation="sdpa" if kind._supports_sdpa else "eager",
    )
    if tokenizer.adapter is not None:
        with explained("CTC", folder):
            load_adapter(model, tokenizer.adapter, folder)
    features = feature_maker(config, load_part("CTC", AutoFeatureExtractor.from_pretrained, folder))
    return CtcRecognizer(model, features, tokenizer, words=options.words)


def refuse_translation(options: DecodeOptions) -> None:
    """Raise ModelError where a model that only transcribes is asked for something else."""
    if options.task != "transcribe":
        raise ModelError(f"Such a model writes what is said and knows no task {options.task!r}; take a Whisper.")


class CtcRecognizer(TorchRecognizer):
    """A loaded CTC model."""

    window_s = WINDOW_S

    def __init__(self, model: Any, features: FeatureMaker, tokenizer: CtcTokenizer, *, words: bool = False) -> None:
        """Take a model that is on its device, in evaluation mode; ``words``: it says when each was said."""
        super().__init__(model)
        self._words, self.frame_s = words, 1 / frames_per_s(model.config)
        self._features, self.tokenizer = features, tokenizer
        self._network = network_of(model)
        self.alphabet = Alphabet(tokenizer.blank, self.frame_s, tokenizer.spell)
        # rotary positions are kept in the module from call to call
        self.shareable = getattr(model.config, "position_embeddings_type", None) != "rotary"

    @property
    def network(self) -> CtcNetwork:
        """The model's parts; a trainer changes their weights in place."""
        return self._network

    def prepare(self, windows: Sequence[Audio]) -> list[Tensor]:
        """Return each window's features, float32, on the host."""
        return [self._features(window) for window in windows]

    @torch.inference_mode()
    def infer(self, features: list[Tensor]) -> list[list[int]] | list[Timed]:
        """Return the ids of each window's best path, collapsed; with their times where words are asked for."""
        hidden = self._hidden(features)
        lengths = [len(one) for one in hidden]
        logits = self._network.logits(torch.cat(hidden))
        best = logits.argmax(dim=-1).cpu()
        blank = self.tokenizer.blank
        if not self._words:
            return [collapsed(row.tolist(), blank) for row in best.split(lengths)]
        gains = (logits.amax(dim=-1) - logits.logsumexp(dim=-1)).float().cpu()
        rows = zip(best.split(lengths), gains.split(lengths), strict=True)
        return [timed(path.tolist(), row.tolist(), blank, self.frame_s) for path, row in rows]

    @torch.inference_mode()
    def emissions(self, features: list[Tensor]) -> list[Scores]:
        """See :meth:`Recognizer.emissions`."""
        return [self._network.logits(one).float().log_softmax(dim=-1).cpu().numpy() for one in self._hidden(features)]

    def _hidden(self, features: list[Tensor]) -> list[Tensor]:
        """Return the encoder's output for each window, shape ``(frames, width)``."""
        model = self._model
        return self._network.encode([self._network.front(one.to(model.device, model.dtype)) for one in features])

    def _pieces(self, ids: list[int]) -> list[bytes]:
        return self.tokenizer.pieces(ids)

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.text(ids)

    def close(self) -> None:
        """See :meth:`Recognizer.close`."""
        del self._network
        super().close()
