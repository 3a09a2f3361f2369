"""What a search may cost: a number of trials, minutes of training, or dollars."""

from typing import Literal

from pydantic import BaseModel, Field

SamplerName = Literal["grid", "tpe", "random"]
PrunerName = Literal["median", "halving", "none"]


class Budget(BaseModel, frozen=True, extra="forbid"):
    """The limits of a search, all of them counted over the whole study: starting it again does not renew them.

    Minutes are minutes of training summed over the trials: four trials side by side for ten minutes are forty. A
    killed trial counts as far as its last sign of life. A limit is looked at before a trial begins and while trials
    run; so a search may overshoot by what its running trials take to end (``finish``) or to reach their next
    evaluation (``stop``).
    """

    trials: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    dollars: float | None = Field(None, gt=0)
    price_per_hour: float | None = Field(None, ge=0)
    """Dollars for one hour of one training, where the trials do not know their cost."""
    when_spent: Literal["finish", "stop"] = "finish"
    """What becomes of running trials: they finish, or stop and stay open for a larger budget to go on with."""

    def spent(self, minutes: float, dollars: float) -> str | None:
        """Return a sentence if the minutes or the dollars are spent by what all trials took, running ones included."""
        if self.minutes is not None and minutes >= self.minutes:
            return f"The budget of {self.minutes:g} training minutes is spent ({minutes:.1f})."
        if self.dollars is not None and dollars >= self.dollars:
            return f"The budget of ${self.dollars:.2f} is spent (${dollars:.2f})."
        return None

    def cost(self, minutes: float, known: float | None) -> float | None:
        """Return a trial's dollars: as it knows them, else by its minutes and the price; None without either."""
        if known is not None:
            return known
        return None if self.price_per_hour is None else minutes / 60 * self.price_per_hour
