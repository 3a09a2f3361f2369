"""When the words of a text that is known were said, found by a CTC model: forced alignment."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from rapidfuzz.distance import Levenshtein

from acento.core.errors import InputError, ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.data.words import Word
from acento.inference.silence import cuts, pieces
from acento.models.base import AlignWith, Audio, DecodeOptions, Recognizer, Transcript
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.models.timing.frames import widened
from acento.models.timing.viterbi import Alphabet, Scores, best_frames
from acento.models.timing.words import UNSPACED, Timing, words_of

_PIECES: Final = re.compile(rf"\s*(?:{UNSPACED.pattern}|[^\s{UNSPACED.pattern[1:-1]}]+)")
"""Words, or the letters of scripts without spaces."""


def aligner_of(name: str) -> AlignWith:
    """Return the CTC model of a name as options of a job name it.

    Raises:
        ModelError: there is no such model, or its family has no CTC models.
    """
    found = resolve(name)
    if not found.family.aligns:
        raise not_ctc(found.id)
    return AlignWith(id=found.id, revision=found.revision, digest=found.digest)


def align(recognizer: Recognizer, audio: Audio, text: str) -> tuple[Word, ...]:
    """Return the words of a text with the times at which they are said in a recording.

    A recording that is longer than the model's window is cut where it is quietest. The model transcribes each piece,
    and what its words have in common with the text says which part of the text belongs to which piece.

    Args:
        recognizer: a loaded CTC model.
        audio: float32, mono, 16 kHz, of any length.
        text: what is said, in the order in which it is; letters and signs that the model lacks may be in it.

    Raises:
        ModelError: the model is of another kind.
        InputError: the text has more letters than the recording has frames.
    """
    alphabet = alphabet_of(recognizer)
    cut = pieces(audio, recognizer.window_s)
    parts = [text] if len(cut) == 1 else _parts(recognizer, [piece for _, _, piece in cut], text)
    found: list[Word] = []
    for (start, _, piece), part in zip(cut, parts, strict=True):
        scores = (recognizer.emissions(recognizer.prepare([piece])) or [])[0]
        words = aligned(scores, part, alphabet)
        if words is None:
            raise InputError(
                f"A text of {len(part)} letters cannot have been said in {len(piece) / SAMPLE_RATE:.1f} seconds: "
                "give the text of this recording."
            )
        found += (replace(word, start=word.start + start, end=word.end + start) for word in words)
    return tuple(found)


def aligned(scores: Scores, text: str, alphabet: Alphabet) -> tuple[Word, ...] | None:
    """Return the words of a text with times, by what a CTC model hears; None: there are too few frames for it.

    Args:
        scores: log probabilities, shape ``(frames, tokens)``.
        text: what is said.
        alphabet: how the model writes.
    """
    written = _PIECES.findall(text)
    spelled = [alphabet.spell(piece.strip()) for piece in written]
    ids = [number for one in spelled for number in one]
    found = best_frames(scores, ids, alphabet.blank)
    if found is None:
        return None
    frame_s = alphabet.frame_s
    starts, ends, gains = [], [], []
    place, before = 0, 0.0
    for one in spelled:  # a sign that is not said stands where the word before it ends
        own = slice(place, place + len(one))
        place = own.stop
        starts.append(found[0][own.start] * frame_s if one else before)
        before = found[1][own.stop - 1] * frame_s if one else before
        ends.append(before)
        gains.append(float(np.mean(found[2][own])) if one else 0.0)
    return widened(words_of(written, Timing(starts, ends, gains)), frame_s)


def not_ctc(name: str) -> ModelError:
    """Return the error that a model cannot align."""
    return ModelError(
        f"{name} aligns no text with audio: take a CTC model of transformers, such as one of wav2vec 2.0's kin or a "
        "Parakeet CTC."
    )


def alphabet_of(recognizer: Recognizer) -> Alphabet:
    """Return how a CTC model writes; raise ModelError where a recognizer is none."""
    if recognizer.alphabet is None:
        raise not_ctc("This model")
    return recognizer.alphabet


class AlignedRecognizer(Recognizer):
    """A recognizer of which a CTC model finds the times of the words."""

    def __init__(self, inner: Recognizer, aligner: Recognizer) -> None:
        """Take two loaded models."""
        self._inner, self._aligner, self._alphabet = inner, aligner, alphabet_of(aligner)
        self.window_s, self.fit = inner.window_s, inner.fit
        self.shareable = inner.shareable and aligner.shareable

    def prepare(self, windows: Sequence[Audio]) -> Any:
        """See :meth:`Recognizer.prepare`."""
        return self.prepare_in(windows, None)

    def context(self, windows: Sequence[Audio]) -> int | None:
        """See :meth:`Recognizer.context`."""
        return self._inner.context(windows)

    def prepare_in(self, windows: Sequence[Audio], context: int | None) -> Any:
        """Return the features of both, those of the aligner for each piece of a window that is too long for it."""
        cut = [self._pieces(window) for window in windows]
        features = self._aligner.prepare([piece for one in cut for piece in one])
        return self._inner.prepare_in(windows, context), features, [[*map(len, one)] for one in cut]

    def infer(self, features: Any) -> Any:
        """Return what both models make of the windows."""
        own, others, lengths = features
        scores = iter(self._aligner.emissions(others) or ())
        return self._inner.infer(own), [self._joined([next(scores) for _ in one], one) for one in lengths]

    @property
    def _frame(self) -> int:
        """Samples of the aligner's frame."""
        return round(self._alphabet.frame_s * SAMPLE_RATE)

    def _pieces(self, window: Audio) -> list[Audio]:
        """Return a window cut at whole frames of the aligner, where it is quiet, so that no time is lost at a cut."""
        longest = self._aligner.window_s
        edges = cuts(window, None if longest is None else longest - self._alphabet.frame_s)
        whole = [0, *(round(edge / self._frame) * self._frame for edge in edges[1:-1]), len(window)]
        return [window[start:end] for start, end in pairwise(whole)]

    def _joined(self, scores: Sequence[Scores], lengths: Sequence[int]) -> Scores:
        """Return the frames of pieces in a row: of each but the last as many as its samples are."""
        parts = []
        for one, length in zip(scores[:-1], lengths[:-1], strict=True):
            frames = length // self._frame
            parts.append(np.concatenate([one[:frames], one[-1:].repeat(max(0, frames - len(one)), axis=0)]))
        return np.concatenate([*parts, scores[-1]])

    def finish(self, tokens: Any) -> list[Transcript]:
        """Return transcripts whose words are aligned; a text too long for its audio keeps the words it has."""
        written, heard = tokens
        found = []
        for transcript, scores in zip(self._inner.finish(written), heard, strict=True):
            words = aligned(scores, transcript.text, self._alphabet)
            found.append(transcript if words is None else replace(transcript, words=words))
        return found

    def warm_up(self, batch_size: int) -> None:
        """See :meth:`Recognizer.warm_up`."""
        self._inner.warm_up(batch_size)
        self._aligner.warm_up(batch_size)

    def synchronize(self) -> None:
        """See :meth:`Recognizer.synchronize`."""
        self._inner.synchronize()
        self._aligner.synchronize()

    def close(self) -> None:
        """See :meth:`Recognizer.close`."""
        self._inner.close()
        self._aligner.close()

    def spoken_languages(self, features: Any) -> list[dict[str, float]] | None:
        """See :meth:`Recognizer.spoken_languages`."""
        return self._inner.spoken_languages(features[0])

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See :meth:`Recognizer.is_out_of_memory`."""
        return self._inner.is_out_of_memory(error) or self._aligner.is_out_of_memory(error)

    def release_memory(self) -> None:
        """See :meth:`Recognizer.release_memory`."""
        self._inner.release_memory()
        self._aligner.release_memory()


def load_recognizer(checkpoint: Checkpoint, options: DecodeOptions) -> Recognizer:
    """Load a model, and with it the one that finds the times of its words, where the options name one.

    Raises:
        ModelError: one of them cannot be loaded, or the latter is no CTC model, or no longer what it was.
    """
    if options.align is None:
        return checkpoint.family.load(checkpoint.folder, options)
    named = resolve(options.align.id, options.align.revision)
    if named.digest != options.align.digest:
        raise ModelError(f"Model {options.align.id} has changed since it was named to align words; start again.")
    aligner = load_aligner(named, options)
    try:
        inner = checkpoint.family.load(checkpoint.folder, options)
    except BaseException:
        aligner.close()
        raise
    return AlignedRecognizer(inner, aligner)


def load_aligner(checkpoint: Checkpoint, options: DecodeOptions) -> Recognizer:
    """Load a CTC model with the language and on the device of the options; raise ModelError where it is none."""
    own = DecodeOptions(
        language=options.language,
        device_type=options.device_type,
        dtype="float32" if options.dtype == "int8" else options.dtype,
        threads=options.threads,
    )
    found = checkpoint.family.load(checkpoint.folder, own)
    try:
        alphabet_of(found)
    except ModelError:
        found.close()
        raise
    return found


def _parts(recognizer: Recognizer, windows: Sequence[Audio], text: str) -> list[str]:
    """Return which part of a text is said in each of several windows."""
    written = _PIECES.findall(text)
    heard: list[tuple[str, int]] = []
    for number, window in enumerate(windows):
        (transcript,) = recognizer.finish(recognizer.infer(recognizer.prepare([window])))
        heard += ((_key(piece), number) for piece in _PIECES.findall(transcript.text))
    keys = [key for key, _ in heard]
    owner: list[int | None] = [None] * len(written)
    for step in Levenshtein.opcodes([_key(piece) for piece in written], keys):
        if step.tag in ("equal", "replace"):
            owner[step.src_start : step.src_end] = [number for _, number in heard[step.dest_start : step.dest_end]]
    last = 0
    borders = [0]
    for place, own in enumerate(owner):  # what the model left out belongs to the window of the word before it
        while own is not None and own > last:
            borders.append(place)
            last += 1
    borders += [len(written)] * (len(windows) + 1 - len(borders))
    return ["".join(written[start:end]) for start, end in pairwise(borders)]


def _key(piece: str) -> str:
    return "".join(character for character in piece.casefold() if character.isalnum())
