"""What a model can be taught from one clip: the longest label, by its own tokenizer, and the longest audio."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from acento.core.errors import DataError, ModelError
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.family import WHISPER
from acento.models.languages import language_code
from acento.training.planning import load_labeler

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class LabelLimits:
    """The limits of one model, as the parameters that a suite may refer to, and how it counts tokens."""

    parameters: dict[str, float]
    """``max_label_tokens`` and ``window_s`` (seconds), as far as the model has such limits."""
    count: Callable[[Iterable[str | None]], Iterator[int]]
    """Yields the tokens of each text's label: what is said, and the language, task and end marks around it.

    The start token is not counted: in training the decoder is fed with it, it is not among the labels. A text that the
    model cannot write has no label.
    """


def label_limits(checkpoint: Checkpoint, language: str | None) -> LabelLimits | None:
    """Return the limits of a model that is to learn clips in a language; None where its family cannot be fine-tuned.

    Raises:
        ModelError: it has no tokenizer that can be read.
        InputError: it must be told a language, and the clips have none or several.
    """
    family = checkpoint.family
    if family.name == WHISPER:
        return _whisper_limits(checkpoint)
    if not family.labeler:
        return None
    labeler = load_labeler(family, checkpoint.folder, language_code(checkpoint, language))

    def count(texts: Iterable[str | None]) -> Iterator[int]:
        for text in texts:
            try:
                yield len(labeler.labels(text)) if text else 0
            except DataError:
                yield 0

    parameters: dict[str, float] = {"max_label_tokens": labeler.needs.max_labels}
    if labeler.needs.window_s is not None:
        parameters["window_s"] = labeler.needs.window_s
    return LabelLimits(parameters, count)


def _whisper_limits(checkpoint: Checkpoint) -> LabelLimits:
    """Return Whisper's limits without importing transformers: data is judged where it is staged."""
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    parameters: dict[str, float] = {}
    if isinstance(tokens := config.get("max_target_positions"), int):
        parameters["max_label_tokens"] = tokens
    if isinstance(positions := config.get("max_source_positions"), int):
        parameters["window_s"] = positions * 0.02  # a position is two frames of 10 ms
    tokenizer = _tokenizer(checkpoint)
    # tokens of a label beside its text: language, task, no timestamps and end, as far as the tokenizer has them
    marks = [tokenizer.token_to_id(f"<|{name}|>") is not None for name in ("transcribe", "notimestamps")]
    extra = 4 if marks[0] else 2 if marks[1] else 1

    def count(texts: Iterable[str | None]) -> Iterator[int]:
        stripped = ((text or "").strip() for text in texts)
        while batch := list(islice(stripped, _BATCH)):
            for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                yield len(encoding.ids) + extra

    return LabelLimits(parameters, count)


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
