"""What a run was asked for, as far as everybody who reads runs has to know it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from acento.models.checkpoints.references import short_name


class RunRequest(BaseModel):
    """Models to be measured on data sets; what else was asked for is kept as it was written down."""

    model_config = ConfigDict(frozen=True, extra="allow")

    models: Annotated[list[str], Field(min_length=1)]
    datasets: Annotated[list[str], Field(min_length=1)]
    split: str = "test"
    repeats: int = 1

    @property
    def title(self) -> str:
        """What a person calls it, such as ``whisper-mini, whisper-micro on santiago/test``."""
        models = ", ".join(map(short_name, self.models))
        again = (self.model_extra or {}).get("scored_run")
        return f"{models} on {', '.join(self.datasets)}/{self.split}" + (f" (texts of {again})" if again else "")
