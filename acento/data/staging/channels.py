"""The option ``channel``: which channel of a recording a clip is cut out of."""

from dataclasses import replace

from acento.core.audio.recording import channels_of
from acento.data.sources.base import Reason, Rejection, SourceItem, stretch, stretch_of


def on_channel(item: SourceItem, channel: str | None) -> SourceItem | Rejection:
    """Return an item on the channel that was asked for; a channel that its list names is kept.

    ``mix`` and None mix all channels; ``0`` and ``1`` take one of them, under the same id; with ``split`` the source
    has to give a text for each channel, and an item whose text is that of several channels is rejected.
    """
    if item.channel is not None or channel in (None, "mix"):
        return item
    if channel == "split":
        if (channels_of(item.path) or 1) < 2:
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
