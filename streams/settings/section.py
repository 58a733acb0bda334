"""What sections of settings have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NotNegative", "Positive", "Seconds", "Section"]

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """Frozen, without unknown keys; the docstring of a field is its description."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
