"""Captions into a video: as a track that a player can switch off, or drawn on the pictures."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from acento.captions.cue import Cue, one_after_another
from acento.captions.drawing import Drawer
from acento.captions.srt import escaped
from acento.captions.vtt import cue_text
from acento.core.audio.decoders.ffmpeg import OPTIONS
from acento.core.errors import InputError
from acento.core.output import written_whole
from acento.core.progress import report

_MILLISECOND: Final = Fraction(1, 1000)
_HEADER: Final = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    b"MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""What FFmpeg's encoders of subtitles are opened with; the packets are made here."""


@dataclass(frozen=True, slots=True)
class _Container:
    """A kind of file: FFmpeg's name, the codec of its captions, and that of pictures that are drawn on."""

    name: str
    captions: str
    pictures: str
    options: dict[str, str]


_H264: Final = ("libx264", {"crf": "18"})
CONTAINERS: Final = {
    **dict.fromkeys((".mp4", ".m4v"), _Container("mp4", "mov_text", *_H264)),
    ".mov": _Container("mov", "mov_text", *_H264),
    ".mkv": _Container("matroska", "subrip", *_H264),
    ".webm": _Container("webm", "webvtt", "libvpx-vp9", {"crf": "30", "b": "0", "row-mt": "1", "cpu-used": "4"}),
}


def caption_video(
    video: Path,
    captions: Sequence[Cue],
    target: Path,
    *,
    language: str | None = None,
    burn: bool = False,
    font: Path | None = None,
    colors: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a video with captions; the file appears whole, or not at all.

    All streams of pictures, sound and captions are copied as they are; with ``burn`` the pictures are drawn on and
    encoded anew, in H.264, or VP9 in WebM.

    Args:
        video: any that FFmpeg reads.
        captions: in the order of time, in seconds from where the video begins.
        target: its suffix says which kind: .mp4, .m4v, .mov, .mkv or .webm.
        language: of the captions, a code.
        burn: draw them on the pictures, where no player can switch them off; else they are a track.
        font: a TrueType or OpenType file to draw with; by default DejaVu Sans.
        colors: of the lines of each speaker, as ``#ffff00``, where they are drawn.
        overwrite: replace what is there.

    Raises:
        InputError: the video cannot be read or has no pictures, the target cannot be written or hold the video's
            streams, or the font lacks a character.
    """
    kind = CONTAINERS.get(target.suffix.lower())
    if kind is None:
        raise InputError(f"{target} should end in {', '.join(CONTAINERS)}: the suffix says what kind of file it is.")
    if target.exists() and video.exists() and target.samefile(video):
        raise InputError(f"{target} is the video itself: choose another name for the one with captions.")
    drawer = Drawer(captions, font, colors) if burn else None
    with _opened(video) as source, written_whole(target, replace=overwrite) as partial:
        turned = _rotation(video) if burn else 0
        try:
            with av.open(str(partial), "w", format=kind.name, options={"fflags": "+bitexact"}) as out:
                _Copy(source, out, kind, turned).write(captions, language, drawer)
        except av.error.FFmpegError as error:
            raise InputError(f"{video} cannot be written as {target.name} ({_reason(error)}).") from error
    return target


@contextmanager
def _opened(video: Path) -> Iterator[Any]:
    try:
        with av.open(str(video), options=OPTIONS) as source:
            if not source.streams.video:
                raise InputError(f"{video} has no pictures: captions of sound alone are a file of their own.")
            yield source
    except av.error.FFmpegError as error:
        raise InputError(f"{video} cannot be read as a video ({_reason(error)}).") from error


def _reason(error: av.error.FFmpegError) -> str:
    return error.strerror or type(error).__name__


def _rotation(video: Path) -> int:
    """Return by how many degrees players turn the pictures, counterclockwise."""
    with _opened(video) as source:
        frame = next(source.decode(source.streams.video[0]), None)
        return 0 if frame is None else round(frame.rotation / 90) * 90 % 360


class _Copy:
    """A video that is read, and the one that is written of it."""

    def __init__(self, source: Any, out: Any, kind: _Container, turned: int) -> None:
        self._source, self._out, self._kind, self._turned = source, out, kind, turned
        self._pictures = source.streams.video[0]
        self._begin = Fraction(source.start_time or 0, av.time_base)
        self._seconds = (source.duration or 0) / av.time_base
        self._waiting: defaultdict[int, list[Any]] = defaultdict(list)

    def write(self, captions: Sequence[Cue], language: str | None, drawer: Drawer | None) -> None:
        kinds = ("video", "audio", "subtitle")
        copied = [one for one in self._source.streams if one.type in kinds and one.codec_context is not None]
        streams = {}
        for one in copied:
            burned = drawer is not None and one is self._pictures
            streams[one.index] = self._encoder() if burned else self._like(one)
        if drawer is None and captions:  # players stumble over a track with nothing in it
            self._write_track(captions, language)
        for packet in self._source.demux(copied):
            if drawer is not None and packet.stream is self._pictures:
                for frame in packet.decode():
                    self._encode(frame, drawer, streams[packet.stream.index])
            elif packet.size:
                for one in self._with_times(packet):
                    self._copy(one, streams[one.stream.index])
        if drawer is not None:
            self._out.mux(streams[self._pictures.index].encode(None))

    def _like(self, stream: Any) -> Any:
        try:
            return self._out.add_stream_from_template(stream)
        except ValueError as error:
            name, kind = stream.codec_context.codec.canonical_name, self._kind.name
            raise InputError(
                f"A file of the kind {kind} cannot hold {name}: choose another suffix, as .mkv."
            ) from error

    def _write_track(self, captions: Sequence[Cue], language: str | None) -> None:
        track = self._out.add_stream(self._kind.captions)
        track.codec_context.subtitle_header, track.codec_context.time_base = _HEADER, _MILLISECOND
        track.time_base = _MILLISECOND
        if language is not None:
            track.metadata["language"] = _alpha3(language)
        self._out.start_encoding()
        for cue in one_after_another(captions):
            packet = av.Packet(_payload(cue, self._kind.captions))
            packet.stream, packet.time_base = track, _MILLISECOND
            packet.pts = packet.dts = round(cue.start * 1000)
            packet.duration = round(cue.end * 1000) - packet.pts
            self._out.mux_one(packet)

    def _with_times(self, packet: Any) -> Sequence[Any]:
        """Return packets with the times at which they are decoded; Matroska has none of a video's first."""
        waiting = self._waiting[packet.stream.index]
        if packet.dts is None:
            waiting.append(packet)
            return ()
        found, time = [packet], packet.dts
        while waiting:
            time -= waiting[-1].duration or 1
            waiting[-1].dts = time
            found.append(waiting.pop())
        return found[::-1]

    def _copy(self, packet: Any, stream: Any) -> None:
        shift = round(self._begin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts -= shift
        packet.stream = stream
        self._out.mux_one(packet)

    def _encoder(self) -> Any:
        read, rate = self._pictures.codec_context, self._pictures.average_rate or 25
        made = self._out.add_stream(self._kind.pictures, rate=rate, options=self._kind.options)
        width, height = (read.height, read.width) if self._turned % 180 else (read.width, read.height)
        made.width, made.height, made.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
        made.codec_context.time_base = self._pictures.time_base
        return made

    def _encode(self, frame: Any, drawer: Drawer, stream: Any) -> None:
        if frame.pts is None:
            return
        pts, time_base = frame.pts - round(self._begin / frame.time_base), frame.time_base
        seconds = float(pts * time_base)
        report("Burn captions in", min(seconds, self._seconds), self._seconds, "s of video")
        if self._turned:
            upright = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), self._turned // 90))
            frame = av.VideoFrame.from_ndarray(upright, "rgb24")
        frame = frame.reformat(stream.width, stream.height, "yuv420p")
        if (cue := drawer.shown(seconds)) is not None:
            picture = frame.to_ndarray()
            drawer.draw(picture, stream.width, stream.height, cue)
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base, frame.pict_type = pts, time_base, 0
        self._out.mux(stream.encode(frame))


def _payload(cue: Cue, codec: str) -> bytes:
    """Return the bytes of a cue as a container holds them."""
    if codec == "webvtt":
        return cue_text(cue, voices=False, colors={}).encode()
    if codec == "subrip":
        return escaped("\n".join(line.text for line in cue.lines)).encode()
    text = "\n".join(line.text for line in cue.lines).encode()
    return len(text).to_bytes(2, "big") + text


def _alpha3(language: str) -> str:
    """Return the code of three letters that containers want."""
    import langcodes

    try:
        return langcodes.Language.get(language).to_alpha3()
    except (LookupError, ValueError):
        return "und"
