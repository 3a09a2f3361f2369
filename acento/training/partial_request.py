"""What a person asks of a learning curve and of a cross-validation, before anything named in it has been looked for."""

from typing import Annotated

from pydantic import Field

from acento.data.splits import SplitBy
from acento.training.partial import SHARES
from acento.training.request import FinetuneRequest

NonEmpty = Annotated[str, Field(min_length=1)]


class CurveRequest(FinetuneRequest):
    """The same training on growing shares of a data set's train split."""

    shares: tuple[float, ...] = SHARES
    """In percent."""

    @property
    def heading(self) -> str:
        """What a person calls it, such as ``learning curve of whisper-mini on santiago``."""
        return f"learning curve of {self.title}"


class FoldsRequest(FinetuneRequest):
    """The same training on all of a data set's clips but one fold, as often as there are folds."""

    folds: int
    by: SplitBy = "auto"
    splits: tuple[NonEmpty, ...] = ()
    """Whose clips; none: all."""

    @property
    def heading(self) -> str:
        """What a person calls it, such as ``5 folds of whisper-mini on santiago``."""
        return f"{self.folds} folds of {self.title}"
