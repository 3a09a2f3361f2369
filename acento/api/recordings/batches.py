"""What a request for a transcription comes to: the files, the model, and how recordings are decoded by it."""

import logging
from pathlib import Path
from typing import Any, Final

from acento.api.precheck import check_model
from acento.captions.style import CaptionStyle
from acento.core import extras, plugins
from acento.core.errors import InputError, ModelError, TransientError
from acento.core.fingerprint import fingerprint
from acento.core.settings import settings
from acento.core.store import Store
from acento.core.store.coordination import Lease
from acento.data.recordings.inputs import Input, find_inputs
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.engine import find_engine
from acento.diarization.job import EnrolledVoice, check_voices
from acento.inference.alignment import aligner_of
from acento.inference.cutting import window_length
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint, ModelSpec
from acento.models.checkpoints.references import CTRANSLATE2, with_engine
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import resolve_fit
from acento.models.context import read_hotwords
from acento.models.devices import Elsewhere, default_dtype, default_workers, pick_device
from acento.models.family import WHISPER
from acento.models.languages import language_code
from acento.models.search import temperatures_of
from acento.registry.production import last_promoted
from acento.requests import TranscribeRequest
from acento.requests.transcribe import LADDER
from acento.transcription.batch import Ledger, Row, batch_id, check_writable, output_folder
from acento.transcription.files import first_rows
from acento.transcription.importing import add_recording
from acento.transcription.planned import Diarizing, PlannedBatch
from acento.transcription.planning import Decoding
from acento.transcription.writing.formats import check_format

DEFAULT_MODEL: Final = "openai/whisper-base"
"""What transcribes where nobody names a model and none is in production."""

_log = logging.getLogger(__name__)


def plan_batch(
    store: Store, request: TranscribeRequest, elsewhere: Elsewhere | None = None, hindrance: InputError | None = None
) -> PlannedBatch:
    """Find the files and the model, fix how they are decoded, and give each file its row in the ledger.

    ``elsewhere`` is what is known of the machines that will do the work, None where this process does it; ``hindrance``
    why they could not begin now, raised if a file is not done.

    Raises:
        InputError: there is no such file, the model or an option cannot be used, or the folder cannot be written.
    """
    check_formats(request)
    if (folder := _folder(request)) is not None:
        check_writable(folder)
    inputs = _inputs(request)
    decoding = decoding_of(store, request, elsewhere)
    diarizing = _diarizing(store, request, decoding.options, here=elsewhere is None)
    told = [] if diarizing is None else [diarizing.model_dump(mode="json"), find_engine(diarizing.engine).digest]
    batch = PlannedBatch(
        id=batch_id(folder, request.paths),
        title=request.title,
        folder=None if folder is None else str(folder),
        files=tuple(one.name for one in inputs),
        locations={one.name: one.location for one in inputs if one.location != one.name},
        formats=tuple(request.formats),
        decoding=decoding,
        work=fingerprint({"decoding": decoding.fingerprint, "diarizing": told, **_asked(request)}),
        style=_style(request),
        each_channel=request.channels == "each",
        diarizing=diarizing,
        by_sentence=request.by_sentence,
        merge=request.merge,
        workers=request.num_requests
        or default_workers(decoding.options.device_type, decoding.options.threads, elsewhere),
        compute=request.compute or settings().compute,
    )
    ledger = batch.ledger(store)
    rows = [*first_rows(store, batch, inputs, ledger.rows())]
    if hindrance is not None and any(not row.ended for row in rows):
        raise hindrance
    ledger.write(*rows)
    return batch


def _inputs(request: TranscribeRequest) -> list[Input]:
    """Return the files; an inbox in which there is nothing yet is no error."""
    try:
        return find_inputs(request.paths)
    except InputError:
        if all(Path(path).expanduser().is_dir() for path in request.paths):
            return []
        raise


def ledger_rows(store: Store, request: TranscribeRequest) -> list[Row]:
    """Return the rows of the files that a request names, as far as they are by now; nothing is done."""
    rows = _ledger(store, request).rows()
    return [rows[one.name] for one in find_inputs(request.paths) if one.name in rows]


def check_transcription(store: Store, request: TranscribeRequest, *, installed: bool = True) -> None:
    """See that the files, the model, the diarizer and voices are there and the folder can be written.

    Nothing is downloaded or decoded but the recordings of voices, which are short.
    """
    check_formats(request)
    if (folder := _folder(request)) is not None:
        check_writable(folder)
    find_inputs(request.paths)
    if request.model is not None:
        languages = [] if request.language is None else [request.language]
        check_model(store, request.model, installed=installed, languages=languages)
    _diarizing(store, request, DecodeOptions(), here=installed)


def check_formats(request: TranscribeRequest) -> None:
    """See that the formats are known, and that what tells speakers apart is asked for where one needs it.

    Raises:
        InputError: one is not, or needs speakers and there are none.
    """
    for name in request.formats:
        if check_format(name).speakers and not request.diarize and request.channels == "mix":
            raise InputError(f"The format {name} says who speaks: add --diarize, or --channels each.")


def _ledger(store: Store, request: TranscribeRequest) -> Ledger:
    folder = _folder(request)
    return Ledger(store, batch_id(folder, request.paths), folder)


def lease_of(store: Store, request: TranscribeRequest) -> Lease:
    """Return the lease that lets one process at a time transcribe into a folder."""
    return _ledger(store, request).lease()


def decoding_of(store: Store, request: TranscribeRequest, elsewhere: Elsewhere | None = None) -> Decoding:
    """Return how recordings are to be decoded.

    Raises:
        ModelError: there is no such model, it does not know the language, or its family lacks what was asked for.
        InputError: the list of hotwords cannot be read, or the device is not there.
    """
    device = pick_device(request.device, elsewhere)
    checkpoint = _model(store, request, converts=elsewhere is None and device == "cpu")
    family = checkpoint.family
    if elsewhere is None and (missing := family.missing()) is not None:
        raise ModelError(missing)
    if request.translate and not family.searches:
        raise ModelError(
            f"Only a Whisper translates, and {checkpoint.id} is of the family {family.name!r}: leave out --translate."
        )
    tried = temperatures_of(request.temperatures or (LADDER if family.searches else None))
    options = DecodeOptions(
        language=language_code(checkpoint, request.language),
        task="translate" if request.translate else "transcribe",
        device_type=device,
        dtype=request.dtype or default_dtype(device, elsewhere),
        threads=request.threads or settings().threads,
        fit=resolve_fit(checkpoint, request.window),
        beam_size=request.beam_size or (1 if tried and tried[0] else family.beams),  # what is drawn is not searched
        temperatures=tried,
        likeliest=len(tried) > 1,
        words=True,
        prompt=request.prompt,
        hotwords=() if request.hotwords is None else read_hotwords(request.hotwords),
        align=None if request.align is None else aligner_of(request.align),
    )
    family.check(options)
    own_s = None if family.window is None else plugins.load(family.window)(checkpoint.folder)
    return Decoding(
        model=ModelSpec.of(checkpoint),
        options=options,
        batch_size=request.gpu_batch_size or family.batch_size[device],
        window_s=window_length(own_s, request.window_s),
    )


def _model(store: Store, request: TranscribeRequest, *, converts: bool) -> Checkpoint:
    """Return the model that was asked for, else the one in production, else the usual one.

    The usual one is taken on CTranslate2 where ``converts`` and that is installed: it takes a quarter of the time.
    """
    name = request.model
    if name is None:
        name = last_promoted(store) or DEFAULT_MODEL
        if (
            name == DEFAULT_MODEL
            and converts
            and request.engine is None
            and extras.missing("ctranslate2", "It") is None
        ):
            name = with_engine(name, CTRANSLATE2, request.quantization)
        _log.info("No model was named: %s transcribes.", name)
    try:
        checkpoint = resolve(name)
    except (ModelError, TransientError) as error:
        if request.model is not None:
            raise
        raise type(error)(f"{error} It was tried as no model was named: name another one with --model.") from error
    if request.engine is not None and checkpoint.family.name == WHISPER:
        named = with_engine(name, request.engine, request.quantization)
        return checkpoint if named == name else resolve(named)
    return checkpoint


def _folder(request: TranscribeRequest) -> Path | None:
    return output_folder(request.out) if request.formats else None


def _asked(request: TranscribeRequest) -> dict[str, Any]:
    """Return what of a request decides the outputs, beside how recordings are decoded and diarized."""
    names = ("formats", "channels", "by_sentence", "line_length", "speaker_labels", "times")
    merge = {} if request.merge == "overlap" else {"merge": request.merge}  # so that what was done before stays done
    return {name: getattr(request, name) for name in names} | merge


def _diarizing(store: Store, request: TranscribeRequest, options: DecodeOptions, *, here: bool) -> Diarizing | None:
    """Return how speakers are told apart, after the voices that have names were brought into the store.

    Raises:
        InputError: there is no such engine, no such number of speakers, or a voice cannot be read or told.
    """
    options = DecodeOptions(device_type=options.device_type, dtype=options.dtype, threads=options.threads)
    if request.channels == "each":
        return Diarizing(engine="accurate", channels="each", speakers=Speakers(), voices=(), options=options)
    if not request.diarize:
        return None
    find_engine(request.diarizer)
    named = [voice.partition("=")[::2] for voice in request.voices or ()]
    voices = tuple(
        EnrolledVoice(name=name.strip(), recording=add_recording(store, file.strip()).key) for name, file in named
    )
    check_voices(voices)
    if voices:
        from acento.diarization.enrolled import enrolled_speech, enrolled_voice

        for voice in voices:
            if here:
                enrolled_voice(store, voice, options)
            else:  # the machines that tell the speakers apart refuse what takes their networks to see
                enrolled_speech(store, voice)
    return Diarizing(
        engine=request.diarizer,
        speakers=Speakers(count=request.speakers, least=request.min_speakers, most=request.max_speakers),
        voices=voices,
        options=options,
    )


def _style(request: TranscribeRequest) -> CaptionStyle:
    """Return how captions look."""
    return CaptionStyle(line_length=request.line_length, speakers=request.speaker_labels, times=request.times)
