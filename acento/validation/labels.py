"""What a model can be taught from one clip: the longest label, by its own tokenizer, and the longest audio."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from acento.core.errors import DataError, ModelError
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.family import WHISPER
from acento.models.languages import told
from acento.models.trainable import Labeler
from acento.training.loading import load_labeler

_BATCH = 1000


class LabelLimits(Protocol):
    """The limits of one model, as the parameters that a suite may refer to, and how it counts tokens."""

    parameters: dict[str, float]
    """``max_label_tokens`` and ``window_s`` (seconds), as far as the model has such limits."""

    def count(self, texts: Iterable[str | None]) -> Iterator[int]:
        """Yield the tokens of each text's label: what is said, and the language, task and end marks around it.

        The start token is not counted: in training the decoder is fed with it, it is not among the labels.
        """


def label_limits(checkpoint: Checkpoint, language: str | None) -> LabelLimits | None:
    """Return the limits of a model that is to learn clips in a language; None where its family cannot be fine-tuned.

    Raises:
        ModelError: it has no tokenizer that can be read.
        InputError: it must be told a language, and the clips have none or several.
    """
    family = checkpoint.family
    if family.name == WHISPER:
        return _WhisperLimits(checkpoint)
    return _Labels(load_labeler(family, checkpoint.folder, told(checkpoint, language))) if family.labeler else None


class _Labels:
    """The limits that a family's own labeler says."""

    def __init__(self, labeler: Labeler) -> None:
        self.parameters: dict[str, float] = {"max_label_tokens": labeler.needs.max_labels}
        if labeler.needs.window_s is not None:
            self.parameters["window_s"] = labeler.needs.window_s
        self._labeler = labeler

    def count(self, texts: Iterable[str | None]) -> Iterator[int]:
        """See :meth:`LabelLimits.count`; a text that the model cannot write has no label."""
        for text in texts:
            try:
                yield len(self._labeler.labels(text)) if text else 0
            except DataError:
                yield 0


class _WhisperLimits:
    """Whisper's limits, without importing transformers: data is judged where it is staged."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
        self.parameters: dict[str, float] = {}
        if isinstance(tokens := config.get("max_target_positions"), int):
            self.parameters["max_label_tokens"] = tokens
        if isinstance(positions := config.get("max_source_positions"), int):
            self.parameters["window_s"] = positions * 0.02  # a position is two frames of 10 ms
        self._tokenizer = _tokenizer(checkpoint)
        self._extra = _special_tokens(self._tokenizer)

    def count(self, texts: Iterable[str | None]) -> Iterator[int]:
        """See :meth:`LabelLimits.count`."""
        batch: list[str] = []
        for text in texts:
            batch.append((text or "").strip())
            if len(batch) == _BATCH:
                yield from self._count(batch)
                batch = []
        yield from self._count(batch)

    def _count(self, texts: list[str]) -> Iterator[int]:
        for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            yield len(encoding.ids) + self._extra


def _tokenizer(checkpoint: Checkpoint) -> Any:
    """Return the checkpoint's tokenizer, without importing transformers where that is not needed."""
    from tokenizers import Tokenizer

    path = checkpoint.folder / "tokenizer.json"
    try:
        if path.is_file():
            return Tokenizer.from_file(str(path))
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True).backend_tokenizer
    except Exception as error:  # the tokenizers library raises nothing more special
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"The tokenizer of model {checkpoint.id} cannot be read ({reason}).") from error


def _special_tokens(tokenizer: Any) -> int:
    """Return how many tokens a label has beside its text: Whisper's marks if the tokenizer has them, and the end."""
    if tokenizer.token_to_id("<|transcribe|>") is not None:
        return 4  # language, task, no timestamps, end
    return 2 if tokenizer.token_to_id("<|notimestamps|>") is not None else 1
