"""How far a partition number's work is done, as the store keeps it."""

from collections.abc import Mapping

import orjson
from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter, ValidationError

from processors.modality import Modality
from streams.errors import ContractBroken

__all__ = [
    "POSITION_VERSION",
    "Position",
    "encode_offsets",
    "encode_watermarks",
    "position_of_hash",
    "watermark_field",
]

POSITION_VERSION = 2
_SOURCE_FIELD = "source:"


class Position(BaseModel):
    """Everything before it is done; a new owner starts reading here, with these watermarks.

    Attributes:
        next_offsets: topic -> offset of the first record that is not done.
        watermarks: source id -> modality -> watermark as of `next_offsets`, epoch milliseconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    next_offsets: dict[str, NonNegativeInt]
    watermarks: dict[str, dict[Modality, int]] = {}


_OFFSETS = TypeAdapter(dict[str, NonNegativeInt])
_WATERMARKS = TypeAdapter(dict[Modality, int])


def encode_offsets(next_offsets: Mapping[str, int]) -> bytes:
    """JSON with sorted keys: equal offsets have equal bytes, which compare-and-set relies on."""
    return orjson.dumps(dict(next_offsets), option=orjson.OPT_SORT_KEYS)


def encode_watermarks(watermarks: Mapping[Modality, int]) -> bytes:
    """JSON of one source's watermarks."""
    return orjson.dumps({modality.value: watermark_ms for modality, watermark_ms in watermarks.items()})


def watermark_field(source_id: str) -> str:
    """The field of a position's hash that holds a source's watermarks."""
    return f"{_SOURCE_FIELD}{source_id}"


def position_of_hash(stored: Mapping[bytes, bytes], key: str) -> Position | None:
    """Read a position's hash back.

    Args:
        stored: field -> value; empty without a position.
        key: of the hash, for messages.

    Raises:
        ContractBroken: what is stored is not a position of a known version.
    """
    if not stored:
        return None
    if (version := stored.get(b"version", b"none")) != str(POSITION_VERSION).encode():
        raise _not_a_position(key, f"its version is {version!r}")
    try:
        return Position(
            next_offsets=_OFFSETS.validate_json(stored.get(b"next_offsets", b"")),
            watermarks={
                name.decode().removeprefix(_SOURCE_FIELD): _WATERMARKS.validate_json(value)
                for name, value in stored.items()
                if name.startswith(_SOURCE_FIELD.encode())
            },
        )
    except ValidationError as error:
        raise _not_a_position(key, str(error)) from error


def _not_a_position(key: str, reason: str) -> ContractBroken:
    return ContractBroken(
        f"Redis key {key}: not a position of version {POSITION_VERSION}: {reason}; it was written by another version "
        "of Braid",
        code="contract.position",
    )
