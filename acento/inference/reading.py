"""Read clips out of a data set's Parquet parts by row, touching only the row groups that hold them."""

from collections import OrderedDict
from typing import Any

import pyarrow.parquet as pq

from acento.core.audio.recording import decode_flac
from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.data.dataset import CLIPS
from acento.inference.plan import PlannedClip
from acento.models.base import Audio

_OPEN = 32
"""Parquet files kept open."""
_GROUPS = 8
"""Row groups kept in memory: clips of similar length often lie together."""


class ClipReader:
    """Returns the samples of planned clips; one thread at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files: OrderedDict[str, Any] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def __call__(self, clip: PlannedClip) -> Audio:
        """Return float32 samples, mono, 16 kHz.

        Raises:
            DamagedError: the data part is not what it was when the plan was made.
        """
        file = self._file(clip.data_part)
        group, first = 0, 0
        while clip.row >= first + file.metadata.row_group(group).num_rows:
            first += file.metadata.row_group(group).num_rows
            group += 1
        row = self._group(clip.data_part, group)[clip.row - first]
        if row["id"] != clip.id:
            raise DamagedError(f"{clip.data_part} holds {row['id']!r} where {clip.id!r} was planned; stage it again.")
        return decode_flac(row["audio"]["bytes"])

    def _file(self, key: str) -> Any:
        """Return an open Parquet file, its checksum verified when it is opened first."""
        if key not in self._files:
            self._files[key] = pq.ParquetFile(self._store.local_path(key, CLIPS))
            if len(self._files) > _OPEN:
                self._files.popitem(last=False)[1].close()
        self._files.move_to_end(key)
        return self._files[key]

    def _group(self, key: str, number: int) -> list[dict[str, Any]]:
        """Return the rows of one row group."""
        place = (key, number)
        if place not in self._groups:
            table = self._file(key).read_row_group(number, columns=["id", "audio"])
            self._groups[place] = table.to_pylist()
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(place)
        return self._groups[place]
