"""What is written of a recording: its document, with its speakers, in each format that was asked for."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from acento.core.fingerprint import sha256_file
from acento.core.store import Store
from acento.data.document import Document
from acento.data.recordings.recording import load_recording, load_speech
from acento.data.words import Turn
from acento.diarization.job import turns
from acento.diarization.merge import attribute
from acento.transcription.assembly.documents import document_of, with_speakers
from acento.transcription.assembly.echoes import without_echoes
from acento.transcription.assembly.voiced import voice_of
from acento.transcription.batch import Row
from acento.transcription.planned import PlannedBatch
from acento.transcription.transcripts import load_transcript
from acento.transcription.writing.formats import FORMATS, write


def document_of_row(store: Store, batch: PlannedBatch, row: Row) -> Document:
    """Return the transcript of a file that was decoded.

    Raises:
        StoreError: its recording was not decoded, or nobody was told apart in it where that was asked for.
    """
    key = row.recording or ""
    kept, speech = load_transcript(store, batch.decoding, key), load_speech(store, key)
    names = {channel: channel if batch.each_channel else None for channel in range(speech.shape[1])}
    document = document_of(
        row.file,
        row.seconds or 0.0,
        {name: kept.channels.get(channel, []) for channel, name in names.items()},
        voices={name: voice_of(speech[:, channel]) for channel, name in names.items()},
        model=batch.decoding.model.id,
        language=kept.language,
    )
    if batch.diarizing is None:
        return by_channel(document) if batch.each_channel else document
    told = turns(store, batch.diarizing.job(load_recording(store, key), batch.title))
    if batch.each_channel:
        return by_channel(without_echoes(document, told))
    merge = partial(attribute, turns=told, method=batch.merge, by_sentence=batch.by_sentence)
    return with_speakers(document, merge, told)


def by_channel(document: Document) -> Document:
    """Return a document in which each channel is a speaker, named by its number from 0.

    >>> from acento.data.document import Passage
    >>> by_channel(Document("call.wav", 9.0, (Passage(1, 2, "¿Aló?", channel=1),))).speakers
    ['SPEAKER_01']
    """
    passages = []
    for passage in document.passages:
        speaker = f"SPEAKER_{passage.channel or 0:02}"
        words = tuple(replace(word, speaker=speaker) for word in passage.words)
        passages.append(replace(passage, speaker=speaker, words=words))
    told = (Turn(one.start, one.end, one.speaker) for one in passages if one.speaker is not None)
    return replace(document, passages=tuple(passages), turns=tuple(told))


def write_outputs(batch: PlannedBatch, row: Row, document: Document) -> Iterator[tuple[str, str]]:
    """Write a document in each format; yield each file's name below the batch's folder, and its SHA-256.

    Raises:
        InputError: a file is there that somebody else wrote or changed, or it cannot be written.
    """
    if batch.folder is None:
        return
    for name in batch.formats:
        short = f"{row.stem}{FORMATS[name].suffix}"
        path = Path(batch.folder) / short
        ours = path.is_file() and row.ours.get(short) == sha256_file(path)
        write(document, name, path, batch.style, overwrite=ours)
        yield short, sha256_file(path)
