"""The option ``channel``: which channel of a recording a clip is cut out of."""

from dataclasses import replace

from acento.data.sources.base import Reason, Rejection, SourceItem, stretch, stretch_of


def on_channel(item: SourceItem, channel: str | None) -> SourceItem | Rejection:
    """Return an item on the channel that was asked for; a channel that its list names is kept.

    ``mix`` and None mix all channels; ``0`` and ``1`` take one of them, under the same id; with ``split`` the source
    has to give a text for each channel, and an item whose text is that of several channels is rejected.
    """
    if item.channel is not None or channel in (None, "mix"):
        return item
    if channel == "split":
        if _channels(item) < 2:
            return item
        detail = (
            f"{item.origin} has several channels and one transcript: name the channel of each text in a column "
            f"'channel' of a table, or put the texts into {item.id}-ch0.txt and {item.id}-ch1.txt, or choose --channel "
            "0, 1 or mix."
        )
        return Rejection(item.id, item.origin, Reason.NO_TRANSCRIPT, detail)
    whole = item.origin.removesuffix(stretch_of(item.origin))
    number = int(str(channel))
    return replace(item, channel=number, origin=whole + stretch(item.start_s, item.length_s, number))


def _channels(item: SourceItem) -> int:
    """Return how many channels a recording has by its header; 1 where that cannot be read, as decoding will say why."""
    import av
    import soundfile

    try:
        return int(soundfile.info(str(item.path)).channels)
    except (soundfile.SoundFileError, RuntimeError, OSError):
        pass
    try:
        known = {"format_whitelist": "mov,mp4,m4a,matroska,webm,aac,asf,amr,caf,avi,mpegts,mpeg,ac3"}  # no playlists
        with item.path.open("rb") as file, av.open(file, options=known) as container:
            return int(container.streams.audio[0].codec_context.channels)
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return 1
