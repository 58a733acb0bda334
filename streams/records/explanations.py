"""Why a window is unusual in its source's own normal, as far as a detection tells it."""

from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from processors.normality import Judgement

__all__ = ["Explanation", "Probability", "UnusualMoment"]

_P_DIGITS: Final = 3
"""Significant ones: small p-values are those that matter."""
_HEAT_DIGITS: Final = 2

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
        seconds: of sound, the unusual ones, in order of time.
        words: that were unusual.
        similar: ids of the most similar normal windows, the nearest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    heat: dict[str, tuple[tuple[float, ...], ...]] = {}
    seconds: tuple[UnusualMoment, ...] = ()
    words: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()

    @classmethod
    def of(cls, judgement: "Judgement") -> Self:
        """What a baseline said of a window, as it is told."""
        return cls(
            heat={
                part.value: tuple(tuple(round(cell, _HEAT_DIGITS) for cell in row) for row in cells.tolist())
                for part, cells in judgement.heat.items()
            },
            seconds=tuple(
                UnusualMoment(start_ms=moment.start_ms, p=float(f"{moment.p:.{_P_DIGITS}g}"))
                for moment in judgement.seconds
            ),
            words=judgement.words,
            similar=judgement.similar,
        )
