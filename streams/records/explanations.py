"""Why a window is unusual in its source's own normal, as far as a detection tells it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Explanation", "Probability", "UnusualMoment"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class UnusualMoment(BaseModel):
    """A second of sound.

    Attributes:
        start_ms: event time, epoch milliseconds.
        p: p-value of so unusual a second under the source's own normal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start_ms: int
    p: Probability


class Explanation(BaseModel):
    """Where and by what a window differs from the source's own normal.

    Attributes:
        heat: part of the baseline that lies on a grid over the frame -> how unusual each cell is, by row; larger is
            more unusual, and numbers of one part compare with each other.
        seconds: of sound, the unusual ones.
        words: that were unusual.
        similar: ids of the most similar normal windows, the nearest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    heat: dict[str, tuple[tuple[float, ...], ...]] = {}
    seconds: tuple[UnusualMoment, ...] = ()
    words: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
