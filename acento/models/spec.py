"""A model as a job or a registry names it."""

from pydantic import BaseModel

from acento.models.checkpoints.checkpoint import Checkpoint


class ModelSpec(BaseModel, frozen=True):
    """A model as a job names it: where to load it from, and what it must then be."""

    id: str
    revision: str | None
    digest: str
    family: str

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "ModelSpec":
        """Return the spec of a checkpoint that was resolved."""
        return cls(
            id=checkpoint.id, revision=checkpoint.revision, digest=checkpoint.digest, family=checkpoint.family.name
        )
