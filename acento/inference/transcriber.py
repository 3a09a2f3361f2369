"""A loaded model that transcribes recordings which are no clips of a data set."""

from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from reprlib import repr as short
from typing import Annotated, Any, Self, overload

import numpy as np
from pydantic import Field

from acento.core import plugins
from acento.core.arguments import Named, checked, name_of
from acento.core.audio.recording import AudioError, decode
from acento.core.errors import AcentoError, DataError, InputError
from acento.inference.alignment import aligner_of, load_recognizer
from acento.inference.cutting import window_length
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.inference.predictions import Prediction
from acento.models.base import Audio, DecodeOptions, Dtype, Recognizer
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import check_window, resolve_fit
from acento.models.context import hotwords_of
from acento.models.devices import cores, default_dtype, pick_device
from acento.models.languages import language_code
from acento.models.search import BeamSize, check_search, temperatures_of
from acento.models.windows import WindowChoice

Recording = str | PathLike[str]
_Positive = Annotated[int, Field(ge=1)]
_AboveZero = Annotated[float, Field(gt=0)]


class LoadedModel:
    """A model in memory. It is closed at the end of a ``with`` block, or by :meth:`close`."""

    def __init__(self, checkpoint: Checkpoint, options: DecodeOptions) -> None:
        """Load a checkpoint onto the device of the options."""
        self.checkpoint, self.options = checkpoint, options
        self._recognizer: Recognizer | None = load_recognizer(checkpoint, options)

    @property
    def id(self) -> str:
        """The model as it was named."""
        return self.checkpoint.id

    @overload
    def transcribe(self, recordings: Recording, *, batch_size: int | None = None) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def transcribe(self, recordings: Sequence[Recording], *, batch_size: int | None = None) -> list[Prediction]: ...

    def transcribe(
        self, recordings: Recording | Sequence[Recording], *, batch_size: int | None = None
    ) -> Prediction | list[Prediction]:
        """Transcribe a recording, or each of several; what is longer than a window as ``acento.transcribe`` does it.

        Args:
            recordings: paths of audio files of any format.
            batch_size: windows that the model is given at once; by default what suits family and device.

        Returns:
            For each recording its ``text``, and of a long one ``segments`` with times: its passages. Of several, one
            that cannot be transcribed has an ``error`` instead.

        Raises:
            AcentoError: the one recording cannot be read or decoded.
            InputError: what is given are no paths, or the model is closed.
        """
        one = isinstance(recordings, str | PathLike)
        paths = [_path_of(path) for path in ([recordings] if one else _several(recordings))]
        if self._recognizer is None:
            raise InputError(f"Model {self.id} is closed: load it again.")
        if not paths:
            return []
        usual = self.checkpoint.family.batch_size[self.options.device_type]
        size = checked("batch_size", _Positive | None, batch_size) or usual
        clips = [PlannedClip(path, 0.0, "", "", row) for row, path in enumerate(paths)]
        batches = [clips[start : start + size] for start in range(0, len(clips), size)]
        options = self.options
        engine = Engine(self._recognizer, batch_size=size, language=options.language, cut_s=options.cut_s)
        longest_s = window_length(self._recognizer.window_s, options.cut_s)
        long: set[str] = set()

        def read(clip: PlannedClip) -> Audio:
            try:
                audio = decode(Path(clip.id).expanduser(), max_seconds=longest_s)
            except AudioError as error:
                if error.reason == "too_long":
                    long.add(clip.id)
                raise
            return audio.astype(np.float32) / 32768.0

        try:
            found = engine.decode(batches, read).predictions
        except AudioError as error:
            raise DataError(f"{paths[0]} cannot be transcribed. {error}") from error
        found = [self._transcribe_long(row.id, size) if row.id in long else row for row in found]
        if one and found[0].failed:
            kind = DataError if found[0].error == "audio_unreadable" else AcentoError
            raise kind(f"{paths[0]} cannot be transcribed. {found[0].detail}")
        return found[0] if one else found

    def _transcribe_long(self, path: str, batch_size: int) -> Prediction:
        """Transcribe what is longer than a window; what cannot be has an error."""
        try:
            found: Prediction = plugins.load(plugins.LONG)(self._recognizer, self.options, batch_size, path)
        except AudioError as error:
            return Prediction(path, None, error="audio_unreadable", detail=str(error))
        except AcentoError as error:
            return Prediction(path, None, error="model_error", detail=str(error))
        return found

    def close(self) -> None:
        """Free the model's memory."""
        recognizer, self._recognizer = self._recognizer, None
        if recognizer is not None:
            recognizer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<model {self.id}, {self.checkpoint.family.name}, on {self.options.device_type}>"


def load_model(
    name: Named,
    *,
    language: str | None = None,
    device: str | None = None,
    dtype: Dtype | None = None,
    threads: int | None = None,
    window: WindowChoice = "auto",
    window_s: float | None = None,
    beam_size: int = 1,
    temperatures: str | Sequence[float] | None = None,
    words: bool = False,
    prompt: str | None = None,
    hotwords: Sequence[str] = (),
    align: Named | None = None,
) -> LoadedModel:
    """Load a model to transcribe recordings with it.

    >>> model = load_model("demo:whisper-mini", language="es")
    >>> model.transcribe("clip.wav").text
    'la casuela quedó muy blanda a las cuatro'

    Args:
        name: a folder, a Hugging Face id (``owner/name@revision``), ``demo:NAME``, ``registry:NAME@VERSION``, or what
            ``finetune`` returned.
        language: what the model is told to write, such as ``es``; None: a multilingual model guesses.
        device: auto, cpu, cuda or mps; the best there is.
        dtype: float32 on the CPU, half precision on a GPU; int8 is for Whisper on the CPU.
        threads: CPU threads; every core.
        window: what clips are encoded in: ``full``, the model's own window, such as Whisper's 30 s; ``fit``, one as
            short as the clips; ``auto``, short where the model was taught it.
        window_s: cut long recordings at silence into windows of at most so many seconds; None: the model's own.
        beam_size: texts that a Whisper follows at a time; 1: the likeliest next token is always taken.
        temperatures: rising from 0, such as ``(0, 0.2, 0.4, 0.6, 0.8, 1)``: where a Whisper's text repeats itself or is
            unlikely, it is drawn again at the next one; None: it is kept as it is.
        words: find when each word was said, and how sure the model is of it: in ``segments[…].words``.
        prompt: what a Whisper is to hold for said or written before each window, such as the spelling that is wanted.
        hotwords: names and terms that are likely to be said, for a Whisper.
        align: a CTC model that finds the times of words instead, such as for a model that gives none.

    Raises:
        ModelError: there is no such model, it does not know the language, or it takes no prompt.
        InputError: an option cannot be used.
    """
    checked("language", str | None, language)
    checked("dtype", Dtype | None, dtype)
    threads = checked("threads", _Positive | None, threads)
    checked("window", WindowChoice, window)
    window_s = checked("window_s", _AboveZero | None, window_s)
    beam_size = checked("beam_size", BeamSize, beam_size)
    tried = temperatures_of(temperatures)
    check_search(beam_size, tried)
    checked("words", bool, words)
    checked("prompt", str | None, prompt)
    terms = hotwords_of(checked("hotwords", tuple[str, ...], hotwords))
    return load_checkpoint(
        resolve(name_of(name)),
        language=language,
        device=device,
        dtype=dtype,
        threads=threads,
        window=window,
        window_s=window_s,
        beam_size=beam_size,
        temperatures=tried,
        words=words or align is not None,
        prompt=prompt or None,
        hotwords=terms,
        align=None if align is None else aligner_of(name_of(align)),
    )


def load_checkpoint(
    checkpoint: Checkpoint,
    *,
    language: str | None = None,
    device: str | None = None,
    dtype: Dtype | None = None,
    threads: int | None = None,
    window: WindowChoice = "auto",
    window_s: float | None = None,
    beam_size: int = 1,
    temperatures: tuple[float, ...] = (),
    **found: Any,
) -> LoadedModel:
    """Load a checkpoint that was found; see :func:`load_model`.

    ``found`` are fields of the options that need no settling.
    """
    check_window(checkpoint, window_s)
    kind = pick_device(device)
    options = DecodeOptions(
        language=language_code(checkpoint, language),
        device_type=kind,
        dtype=dtype or default_dtype(kind),
        threads=threads or cores(),
        fit=resolve_fit(checkpoint, window),
        cut_s=window_s,
        beam_size=beam_size,
        temperatures=temperatures,
        **found,
    )
    return LoadedModel(checkpoint, options)


def _several(recordings: object) -> Iterable[object]:
    if isinstance(recordings, Iterable) and not isinstance(recordings, bytes):
        return recordings
    raise InputError(f"{short(recordings)} is no recording: give the path of an audio file, or several.")


def _path_of(recording: object) -> str:
    if isinstance(recording, str | PathLike):
        return fspath(recording)
    raise InputError(f"{short(recording)} is no recording: give the path of an audio file.")
