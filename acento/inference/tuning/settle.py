"""What a transcription runs on, settled once by who plans it: the engine, threads and batch size.

What was asked for stands. What was not is taken from the store's record of this machine, or measured and recorded.
Workers elsewhere cannot be measured here: they get the defaults.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from acento.core.errors import name_and_line
from acento.core.store import Store
from acento.core.text import normalizer_for
from acento.data.dataset import Card, language_of
from acento.inference.tuning.batches import SAMPLE_CLIPS as PROBED_CLIPS
from acento.inference.tuning.batches import Probe, Setting, SettingTrials
from acento.inference.tuning.engines import SAMPLE_CLIPS, EngineTrials, Way, measure_engines
from acento.inference.tuning.records import find_record, keep_record, record_key, this_machine
from acento.inference.tuning.trial import draw
from acento.models.base import DecodeOptions, Dtype, Recognizer
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.converted import conversions
from acento.models.checkpoints.references import CTRANSLATE2, TRANSFORMERS, Quantization, parse, with_engine
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import cores, held_by_cores
from acento.models.family import WHISPER
from acento.models.languages import language_code

_CONVERTED: Final = "whisper-ctranslate2"
"""The family that CTranslate2 alone runs."""
TUNED: Final = frozenset({_CONVERTED})
"""Families whose threads and batch size are measured: their speed depends on them, their texts hardly do."""
_VERSION: Final = 1
"""Raised by hand whenever what was measured before says no longer how fast engines are."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for; None where it is to be found."""

    split: str
    bound: float
    """How much higher the WER of an engine may be, a fraction."""
    dtype: Dtype | None = None
    quantization: Quantization | None = None
    threads: int | None = None
    batch_size: int | None = None
    workers: int | None = None
    measure: bool = True
    """Whether what no record says is measured; else it is the default."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What runs a model on a data set."""

    checkpoint: Checkpoint
    options: DecodeOptions
    batch_size: int
    workers: int | None = None
    """How many share the work; None: as many as for any model."""
    why: str = ""
    """What was chosen and by what, in a sentence; empty where nothing was to be chosen."""

    @property
    def setting(self) -> Setting:
        """What each worker computes with."""
        return Setting(threads=self.options.threads, batch_size=self.batch_size)


def given(checkpoint: Checkpoint, options: DecodeOptions, asked: Asked) -> Settled:
    """Return what runs a model where nothing is measured."""
    return Settled(checkpoint, options, asked.batch_size or checkpoint.family.batch_size[options.device_type])


def settle_engine(store: Store, card: Card, checkpoint: Checkpoint, options: DecodeOptions, asked: Asked) -> Settled:
    """Return the fastest way to run a model within the bound, measured on dev clips, or on the split's where none are.

    A model whose name says what reads it is run by that.

    Raises:
        ModelError: the model cannot be run by its own framework, or does not know the language.
        DataError: the data set has no clips in the split.
    """
    default = given(checkpoint, options, asked)
    batch_size = default.batch_size
    if parse(checkpoint.id).reader is not None or checkpoint.family.name == _CONVERTED:
        return default
    ways = [*_ways(checkpoint, options, asked)]
    split = "dev" if card.splits.get("dev") else asked.split
    spoken = language_of(store, card, [split])
    options = options.model_copy(update={"language": language_code(checkpoint, options.language or spoken)})
    machine = this_machine(options.device_type)
    key = record_key(
        "engines",
        machine,
        version=_VERSION,
        model=checkpoint.digest,
        decoding=checkpoint.family.decoding_version,
        ways=[way.model_dump() for way in ways],
        options=options.model_dump(),
        batch_size=batch_size,
    )
    record = find_record(store, key, EngineTrials)
    if record is None and not asked.measure:
        return replace(default, why="the engines were not measured on this machine yet")
    if record is None:
        sample = draw(store, card, split, SAMPLE_CLIPS)
        if not sample.clips:
            return replace(default, why=f"{ways[0].title} stays: no clip of {sample.title} is a minute long or less")
        _log.info("Measuring what runs %s fastest here, on clips of %s …", checkpoint.id, sample.title)
        record = measure_engines(
            lambda way: _load(*_as(checkpoint, options, way, asked)),
            ways,
            sample,
            batch_size=batch_size,
            workers=asked.workers or (held_by_cores(options.threads) if options.device_type == "cpu" else 1),
            options=options,
            rule=normalizer_for(None, spoken or options.language),
        )
        record = keep_record(store, key, record)
    chosen = record.choose(asked.bound).way
    if not asked.measure and chosen.engine == CTRANSLATE2 and not conversions(store, checkpoint.id):
        return replace(default, why=record.why(asked.bound))  # a conversion would change the store
    runs, decoding = _as(checkpoint, default.options, chosen, asked)
    return Settled(runs, decoding, batch_size, why=record.why(asked.bound))


def is_tuned(settled: Settled, asked: Asked) -> bool:
    """Tell whether threads or batch size are to be found: of CTranslate2 on a processor, where they were not given."""
    return (
        settled.checkpoint.family.name in TUNED
        and settled.options.device_type == "cpu"
        and (asked.threads is None or asked.batch_size is None)
    )


def settle_batches(store: Store, card: Card, settled: Settled, asked: Asked) -> Settled:
    """Return what was settled with the threads and the batch size that are fastest here; see :func:`is_tuned`.

    Where they cannot be tried out they are the defaults, and it is said why.

    Raises:
        DataError: the data set has no clips in the split.
    """
    checkpoint, options = settled.checkpoint, settled.options
    language = language_code(checkpoint, options.language or language_of(store, card, [asked.split]))
    default = settled.setting
    told = options.model_copy(update={"language": language})
    key = record_key(
        "batches",
        this_machine(options.device_type),
        version=_VERSION,
        model=checkpoint.digest,
        options=told.model_dump(),
        default=default.model_dump(),
        asked=[asked.threads, asked.batch_size, asked.workers],
    )
    record = find_record(store, key, SettingTrials)
    if record is None:
        if not asked.measure:
            return settled
        sample = draw(store, card, asked.split, PROBED_CLIPS)
        _log.info("Trying out threads and batch size of %s, on clips of %s …", checkpoint.id, sample.title)
        probe = Probe(
            lambda threads: _load(checkpoint, told.model_copy(update={"threads": threads})),
            sample,
            told,
            asked.workers,
            cores(),
        )
        try:
            record = probe.run(default, asked.threads, asked.batch_size)
        except Exception as error:  # what decodes with the defaults will say it again if it stays so
            why = f"{default.title} by default, as trying out others failed: {name_and_line(error)}"
            return replace(settled, why="; ".join(filter(None, [settled.why, why])))
        record = keep_record(store, key, record)
    best = record.best
    return Settled(
        checkpoint,
        options.model_copy(update={"threads": best.threads}),
        best.batch_size,
        None if best.threads == default.threads else asked.workers or held_by_cores(best.threads),
        "; ".join(filter(None, [settled.why, record.why])),
    )


def _ways(checkpoint: Checkpoint, options: DecodeOptions, asked: Asked) -> Iterator[Way]:
    """Yield what may run a model, first what does where nobody chooses."""
    yield Way(engine=TRANSFORMERS, dtype=options.dtype)
    if asked.dtype is None and options.device_type == "cpu":
        yield Way(engine=TRANSFORMERS, dtype="bfloat16")
        if options.device_type in checkpoint.family.int8:
            yield Way(engine=TRANSFORMERS, dtype="int8")
    if checkpoint.family.name == WHISPER:
        yield Way(engine=CTRANSLATE2, quantization=asked.quantization or "int8", dtype=options.dtype)


def _as(checkpoint: Checkpoint, options: DecodeOptions, way: Way, asked: Asked) -> tuple[Checkpoint, DecodeOptions]:
    """Return a model and options for one way of running it; converted on first use."""
    options = options.model_copy(update={"dtype": way.dtype})
    if way.engine == TRANSFORMERS:
        return checkpoint, options
    named = with_engine(checkpoint.id, CTRANSLATE2, asked.quantization or way.quantization)
    return resolve(named, checkpoint.revision), options


def _load(checkpoint: Checkpoint, options: DecodeOptions) -> Recognizer:
    return checkpoint.family.load(checkpoint.folder, options)
