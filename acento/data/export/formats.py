"""The formats in which ``acento datasets export`` writes a version of a data set, by their names."""

from collections.abc import Callable
from pathlib import Path

from acento.core.store import Store
from acento.data.dataset import Card
from acento.data.export import export
from acento.data.export.audiofolder import export_audiofolder
from acento.data.export.lhotse import export_lhotse

FORMATS: dict[str, Callable[[Store, Card, Path], Path]] = {
    "acento": export,
    "audiofolder": export_audiofolder,
    "lhotse": export_lhotse,
}
"""Each writes one version to a place that is not there yet, and returns the place; ``acento`` can be imported again."""
