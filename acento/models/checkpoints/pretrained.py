"""What all families on transformers and torch share: how weights are loaded, and what a device is asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from acento.core.errors import AcentoError, ModelError, first_line
from acento.data.utterance import SAMPLE_RATE
from acento.models.base import DecodeOptions, Recognizer, Transcript
from acento.models.timing.frames import path_words
from acento.models.timing.pieces import sentence_pieces, texts_of
from acento.models.timing.warping import attended_words
from acento.models.timing.words import Timed


def load_pretrained(
    title: str, kind: Any, folder: Path, options: DecodeOptions, *, spare: tuple[str, ...] = (), **settings: Any
) -> Any:
    """Load a transformers model from the files that ``save_pretrained`` writes; return it on its device, evaluating.

    Args:
        title: what sentences call it, such as ``Whisper``.
        kind: the model's class, such as ``WhisperForConditionalGeneration``.
        folder: the checkpoint.
        options: device, dtype and threads.
        spare: ends of the names of weights that play no part here, and may be missing.
        settings: passed to ``from_pretrained``, such as another ``attn_implementation``.

    Raises:
        ModelError: a file is missing or damaged, or the weights are not all there.
    """
    torch.set_num_threads(options.threads)
    disable_progress_bar()  # loading takes a moment; the bar that matters is the caller's
    set_verbosity_error()
    with explained(title, folder):
        model, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **{"dtype": getattr(torch, options.dtype), "attn_implementation": "sdpa"} | settings,
        )
    missing = [key for key in report["missing_keys"] if not str(key).endswith(spare)] + [*report["mismatched_keys"]]
    if missing:
        raise ModelError(
            f"{title} model {folder} lacks {len(missing)} of its weights, such as {min(map(str, missing))}; "
            "its weights file does not belong to its config.json."
        )
    return model.to(options.device_type).eval()


def load_part(title: str, load: Callable[..., Any], folder: Path) -> Any:
    """Load a tokenizer, a feature extractor or a config by its ``from_pretrained``.

    Raises:
        ModelError: its file is missing or damaged.
    """
    with explained(title, folder):
        return load(folder, local_files_only=True)


@contextmanager
def explained(title: str, folder: Path) -> Iterator[None]:
    """Turn whatever a framework raises while it loads into one sentence; Acento's own and lack of memory pass.

    Raises:
        ModelError: the block failed.
    """
    try:
        yield
    except (AcentoError, MemoryError, torch.OutOfMemoryError):
        raise
    except SafetensorError as error:
        raise ModelError(
            f"The weights of {title} model {folder} are damaged ({first_line(error)}); download or copy them again."
        ) from error
    except Exception as error:
        if "out of memory" in str(error):
            raise
        raise ModelError(f"{title} model {folder} cannot be loaded: {first_line(error)}") from error


@torch.inference_mode()
def generate_greedy(model: Any, limits: Sequence[int], **inputs: Any) -> list[list[int]]:
    """Return the token ids written for each row, without prompt and end token, always taking the likeliest next one.

    A row's text is the one that it would have alone: what the batch writes beyond a row's own limit is cut off.

    Args:
        model: an encoder-decoder of transformers, in evaluation mode.
        limits: the most tokens of each row; a model that repeats itself without end is stopped there.
        inputs: what ``generate`` takes; ``decoder_input_ids``, where it is given, of one length for all rows.
    """
    longest = max(limits)
    if longest < 1:
        return [[] for _ in limits]
    prompt = inputs["decoder_input_ids"].shape[1] if "decoder_input_ids" in inputs else 1
    generated = model.generate(**inputs, max_new_tokens=longest, do_sample=False, num_beams=1)
    ends = model.generation_config.eos_token_id
    ends = set(ends) if isinstance(ends, list) else {ends}
    written = []
    for row, limit in zip(generated[:, prompt:].tolist(), limits, strict=True):
        end = next((place for place, token in enumerate(row) if token in ends), len(row))
        written.append(row[: min(end, limit)])
    return written


class TorchRecognizer(Recognizer):
    """A recognizer around one torch module."""

    def __init__(self, model: Any, tokenizer: Any = None) -> None:
        """Take a model that is on its device, in evaluation mode, and what turns its ids into text."""
        self._model, self._tokenizer = model, tokenizer
        self._device: torch.device = next(model.parameters()).device

    @property
    def model(self) -> Any:
        """The torch module that decodes; a trainer changes its weights in place."""
        return self._model

    def finish(self, tokens: Sequence[Any]) -> list[Transcript]:
        """See :meth:`Recognizer.finish`."""
        return [
            self._transcript(one) if isinstance(one, Timed) else Transcript(self._text(one).strip()) for one in tokens
        ]

    def _transcript(self, timed: Timed) -> Transcript:
        """Return the text of ids whose times are known, and its words."""
        ids, timing = timed.ids, timed.timing
        pieces = texts_of(ids, self._pieces(ids), self._text)
        words = (attended_words if timing.frame_s is None else path_words)(pieces, timing)
        text = self._text(ids if timed.text is None else timed.text)
        return Transcript(text.strip(), words=words, logprob=timing.logprob, no_speech=timing.no_speech)

    def _pieces(self, ids: list[int]) -> list[bytes]:
        """Return the bytes that each id stands for; special tokens are no text."""
        special = set(self._tokenizer.all_special_ids)
        tokens = self._tokenizer.convert_ids_to_tokens(ids)
        return sentence_pieces(["" if number in special else token for number, token in zip(ids, tokens, strict=True)])

    def _text(self, ids: Any) -> str:
        """Return the text of ids; special tokens are no text."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def warm_up(self, batch_size: int) -> None:
        """See :meth:`Recognizer.warm_up`: a batch of a second of soft noise, on a CPU one clip."""
        noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)).numpy() * 1e-3
        windows = [noise] * (batch_size if self._device.type != "cpu" else 1)
        self._try_out(self.prepare_in(windows, self.context(windows)))
        self.synchronize()

    def _try_out(self, features: Any) -> None:
        """Decode once, to warm up; a few tokens where the number may be bounded."""
        self.infer(features)

    def synchronize(self) -> None:
        """See :meth:`Recognizer.synchronize`."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See :meth:`Recognizer.is_out_of_memory`; the CPU's allocator says it in a plain RuntimeError."""
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        signs = ("can't allocate memory", "out of memory", "not enough memory")
        return isinstance(error, RuntimeError) and any(words in str(error) for words in signs)

    def release_memory(self) -> None:
        """See :meth:`Recognizer.release_memory`."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._device.type == "mps":
            torch.mps.empty_cache()

    def close(self) -> None:
        """See :meth:`Recognizer.close`."""
        del self._model
        self.release_memory()
