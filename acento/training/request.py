"""What a person asks of a training, before anything named in it has been looked for."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

NonEmpty = Annotated[str, Field(min_length=1)]


class FinetuneRequest(BaseModel):
    """One base model to be specialized on one staged data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: NonEmpty
    """A staged set, ``NAME`` or ``NAME@VERSION``; its train split is learned from, its dev split steers."""
    base_model: NonEmpty
    name: NonEmpty | None = None
    """The tuned model's name in the registry; made of the base's and the data set's where it is not given."""
    recipe: Mapping[str, Any] = Field(default_factory=dict)
    """What departs from the recipe that suits the number of clips and the device."""
    language: NonEmpty | None = None
    device: NonEmpty | None = None
    threads: int | None = Field(None, ge=1)
    """CPU threads; None: every core, as a training is one placement."""
    max_minutes: float | None = Field(None, gt=0)
    """After so many minutes a training leaves a checkpoint and its continuation begins."""
    compute: NonEmpty | None = None
    allow_invalid: bool = False

    @property
    def title(self) -> str:
        """What a person calls it, such as ``whisper-mini on santiago``."""
        return f"{self.base_model.rstrip('/').rpartition('/')[2].removeprefix('demo:')} on {self.dataset}"

    @property
    def model_name(self) -> str:
        """The tuned model's name, such as ``whisper-mini-santiago``.

        >>> FinetuneRequest(dataset="santiago@2", base_model="openai/whisper-small").model_name
        'whisper-small-santiago'
        >>> FinetuneRequest(dataset="demo", base_model="registry:whisper-mini-demo@1a2b").model_name
        'whisper-mini-demo'
        """
        if self.name is not None:
            return self.name
        prefix, _, rest = self.base_model.rpartition(":")
        base, data = rest.rstrip("/").rpartition("/")[2].partition("@")[0], self.dataset.partition("@")[0]
        return base if prefix == "registry" and base.endswith(f"-{data}") else f"{base}-{data}"
