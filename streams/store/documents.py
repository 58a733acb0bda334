"""JSON documents that all workers of a group go by, as Redis keeps them."""

from typing import ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from streams.errors import ContractBroken

__all__ = ["DocumentPart", "StoredDocument"]


class DocumentPart(BaseModel):
    """A part of a document; what is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredDocument(DocumentPart):
    """A whole one.

    Attributes:
        means: what it is, for messages.
        code: of the error when something else is stored.
    """

    means: ClassVar[str]
    code: ClassVar[str]

    def encode(self) -> bytes:
        """JSON with sorted keys: equal documents have equal bytes, which compare-and-set relies on."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)

    @classmethod
    def read(cls, text: bytes, key: str) -> Self:
        """Read what is stored back.

        Args:
            text: as stored.
            key: in Redis, for messages.

        Raises:
            ContractBroken: it is not in the shape that this version of Braid knows.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ContractBroken(
                f"Redis key {key}: not {cls.means}: {error}; it was written by another version of Braid, or by "
                "something else",
                code=cls.code,
            ) from error
