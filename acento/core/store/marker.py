"""The marker of an artifact in a store of objects: which files are meant, and of which writer."""

import json
from dataclasses import dataclass

from acento.core.errors import AcentoError, DamagedError
from acento.core.store.base import Artifact, check_key

FILES = "_files"
"""The folder of an artifact in which its writers put their files."""


@dataclass(frozen=True, slots=True)
class Marker:
    """An artifact, whose files it means, and what the store said of each when it was whole."""

    artifact: Artifact
    writer: str
    tags: dict[str, str]
    """By a file's name; see :class:`acento.core.store.base.Stored`."""

    @property
    def home(self) -> str:
        """The folder with the files."""
        return f"{self.artifact.key}/{FILES}/{self.writer}"

    def to_json(self) -> bytes:
        """Return the marker's bytes."""
        body = {**json.loads(self.artifact.to_json()), "writer": self.writer, "tags": self.tags}
        return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, key: str, data: bytes) -> "Marker":
        """Read a marker.

        Raises:
            DamagedError: the bytes are no marker.
        """
        artifact = Artifact.from_json(key, data)
        try:
            body = json.loads(data)
            return cls(artifact, check_key(body["writer"]), dict(body["tags"]))
        except (AcentoError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedError(f"The marker of {key} is damaged ({error}).") from error
