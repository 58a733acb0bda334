"""How far a partition number's work is done, as the store keeps it."""

from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from processors.modality import Modality

__all__ = ["Position"]


class Position(BaseModel):
    """Everything before it is done; a new owner starts reading here, with these watermarks.

    Attributes:
        version: of this layout.
        next_offsets: topic -> offset of the first record that is not done.
        watermarks: source id -> modality -> watermark as of `next_offsets`, epoch milliseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    next_offsets: dict[str, int]
    watermarks: dict[str, dict[Modality, int]] = {}

    def to_json(self) -> bytes:
        """Serialise with sorted keys: equal positions have equal bytes, which compare-and-set relies on."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_json(cls, text: bytes | str) -> "Position":
        """Read what `to_json` wrote.

        Raises:
            pydantic.ValidationError: the text is not a position of this version.
        """
        return cls.model_validate_json(text)
