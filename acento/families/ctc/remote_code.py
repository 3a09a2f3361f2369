"""CTC models that bring code of their own (``auto_map`` in their config), run only where they are trusted by name.

Nothing is known of such a model but transformers' own interface, so each clip passes it alone: no padding can matter.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

from acento.data.utterance import SAMPLE_RATE
from acento.families.ctc.recognizer import WINDOW_S, refuse_translation
from acento.families.ctc.tokenizer import CtcTokenizer, checked, collapsed
from acento.models.base import Audio, DecodeOptions, Transcript
from acento.models.checkpoints.pretrained import TorchRecognizer, load_part, load_pretrained

_SHORTEST = SAMPLE_RATE // 10
"""Samples to which shorter audio is filled up with silence; what the model's first layers need is not known."""


def load(folder: Path, options: DecodeOptions) -> "OwnCodeRecognizer":
    """Load a checkpoint, and run the code that lies beside it.

    Raises:
        ModelError: a file is missing or damaged, or the code fails.
    """
    refuse_translation(options)
    parts = [
        load_part("CTC", partial(part.from_pretrained, trust_remote_code=True), folder)
        for part in (AutoConfig, AutoFeatureExtractor, AutoTokenizer)
    ]
    config, extractor, tokenizer = parts
    model = load_pretrained("CTC", AutoModelForCTC, folder, options, trust_remote_code=True, attn_implementation=None)
    return OwnCodeRecognizer(model, extractor, checked(CtcTokenizer(tokenizer, config), folder))


class OwnCodeRecognizer(TorchRecognizer):
    """A loaded model of unknown code."""

    window_s = WINDOW_S

    def __init__(self, model: Any, extractor: Any, tokenizer: CtcTokenizer) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model, model.device)
        self._extractor, self._tokenizer = extractor, tokenizer

    def prepare(self, windows: Sequence[Audio]) -> list[dict[str, Tensor]]:
        """Return what the model's own feature extractor makes of each window, on the host."""
        return [self._features(window) for window in windows]

    @torch.inference_mode()
    def infer(self, features: list[dict[str, Tensor]]) -> list[list[int]]:
        """Return the ids of each window's best path, collapsed."""
        found = []
        for one in features:
            given = {name: self._moved(tensor) for name, tensor in one.items()}
            best = self._model(**given).logits[0].argmax(dim=-1)
            found.append(collapsed(best.tolist(), self._tokenizer.blank))
        return found

    def finish(self, tokens: list[list[int]]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        return [Transcript(self._tokenizer.text(ids)) for ids in tokens]

    def warm_up(self, batch_size: int) -> None:  # noqa: ARG002 - each clip passes alone
        """See :meth:`Recognizer.warm_up`: a second of soft noise."""
        noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)).numpy() * 1e-3
        self.infer(self.prepare([noise]))
        self.synchronize()

    def _features(self, window: Audio) -> dict[str, Tensor]:
        filled = torch.nn.functional.pad(torch.from_numpy(window), (0, max(0, _SHORTEST - len(window)))).numpy()
        return dict(self._extractor(filled, sampling_rate=SAMPLE_RATE, return_tensors="pt"))

    def _moved(self, tensor: Tensor) -> Tensor:
        dtype = self._model.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self._model.device, dtype)
