"""A place for a store in a Modal volume, for the tests of the store's protocol."""

import io
import uuid

import modal
from stores import Place

from acento.core.store import MARKER
from infra.modal.store import VolumeObjects


class ModalPlace(Place):
    """A prefix of a volume of its own, at the stand-in."""

    def __init__(self) -> None:
        """Name the volume."""
        self._name = f"volume-{uuid.uuid4().hex[:12]}"
        self._objects = VolumeObjects(self.url)
        self._volume = modal.Volume.from_name(self._name, create_if_missing=True, version=2)

    @property
    def url(self) -> str:
        """``modal://…``."""
        return f"modal://{self._name}/some/prefix"

    def names(self) -> list[str]:
        """See :meth:`Place.names`."""
        return [found.key for found in self._objects.list("")]

    def write(self, name: str, data: bytes) -> None:
        """See :meth:`Place.write`."""
        with self._volume.batch_upload(force=True) as batch:
            batch.put_file(io.BytesIO(data), f"some/prefix/{name}")

    def delete(self, name: str) -> None:
        """See :meth:`Place.delete`; a marker goes with the entry that says who made it, else it would come back."""
        if name.endswith(MARKER):
            self._objects.delete([name])
        else:
            self._volume.remove_file(f"some/prefix/{name}")
