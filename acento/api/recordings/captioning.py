"""Captions of transcripts that are there: in other formats and styles, and in videos; nothing is transcribed again."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from acento.api.session import options_of
from acento.captions.reading import SUFFIXES, read_captions, read_document
from acento.captions.srt import COLORS, colors_of
from acento.captions.video import caption_video
from acento.core.errors import InputError
from acento.requests import CaptionsRequest
from acento.transcription.writing.formats import check_format, write
from acento.transcription.writing.names import output_stems

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


@options_of(CaptionsRequest, "paths")
def caption(paths: Paths, **options: Any) -> list[Path]:
    """Write a transcript in other formats or another style, or put captions into a video; return the files.

    >>> done = transcribe("clip.wav", "demo:whisper-mini", language="es", formats=["json"])
    >>> caption("transcripts/clip.json", formats=["srt", "vtt"], line_length=32)
    [PosixPath('transcripts/clip.srt'), PosixPath('transcripts/clip.vtt')]

    A video and its captions, in any order, make a new video: with the captions as a track, or with ``burn=True`` drawn
    on its pictures.

    Args:
        paths: one or more ``.json`` files of :func:`transcribe`; or a video and one file of captions.
        options: see below.

    Raises:
        InputError: a file cannot be read, or another content is at a file's place and ``overwrite`` is not given.
    """
    listed = [paths] if isinstance(paths, str | PathLike) else [*paths]
    request = CaptionsRequest.of(paths=[fspath(path) for path in listed], **options)
    return run_captions(request)


def run_captions(request: CaptionsRequest) -> list[Path]:
    """Write what is asked for, and return the files."""
    paths = [Path(path).expanduser() for path in request.paths]
    videos = [path for path in paths if path.suffix.lower() not in SUFFIXES]
    if not videos:
        return _files(request, paths)
    if len(paths) != 2 or len(videos) != 1:
        raise InputError(
            f"{videos[0]} is no transcript: name one video and one file of its captions ({', '.join(SUFFIXES)}), or "
            "only transcripts (.json)."
        )
    (captions,) = (path for path in paths if path not in videos)
    return [_video(request, videos[0], captions)]


def _files(request: CaptionsRequest, paths: list[Path]) -> list[Path]:
    if request.burn or request.font or request.language:
        raise InputError("Captions are drawn, and tracks have a language, in a video: name it, too.")
    formats = [(name, check_format(name)) for name in request.formats]
    folder = None if request.out is None else Path(request.out).expanduser()
    documents = [read_document(path) for path in paths]
    stems = output_stems([path.name for path in paths])
    written = []
    for path, document, stem in zip(paths, documents, stems, strict=True):
        beside = path.with_suffix("") if folder is None else folder / stem
        for name, kind in formats:
            written.append(beside.with_name(beside.name + kind.suffix))
            write(document, name, written[-1], request.style, overwrite=request.overwrite)
    return written


def _video(request: CaptionsRequest, video: Path, captions: Path) -> Path:
    found = read_captions(captions, request.style)
    colored = request.speaker_labels == "color"
    if colored and not request.burn:
        raise InputError("A track has no colors: draw captions with --burn, or name speakers with a bracket or prefix.")
    names = dict.fromkeys(line.speaker for cue in found.cues for line in cue.lines if line.speaker is not None)
    usual = f"{video.stem}.captioned{video.suffix}"
    target = video.with_name(usual) if request.out is None else Path(request.out).expanduser()
    return caption_video(
        video,
        found.cues,
        target / usual if target.is_dir() else target,
        language=request.language or found.language,
        burn=request.burn,
        font=None if request.font is None else Path(request.font).expanduser(),
        colors=colors_of(names, COLORS) if colored else None,
        overwrite=request.overwrite,
    )
