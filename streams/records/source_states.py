"""The state of one modality of one source, told on `braid.detections` whenever it changes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from processors.modality import Modality

__all__ = ["SOURCE_STATE_SCHEMA", "SourceState"]

SOURCE_STATE_SCHEMA = "braid.source.state.v1"


class SourceState(BaseModel):
    """Whether a modality of a source brings anything.

    Attributes:
        source_id: the source.
        modality: of it.
        state: `awaited` (nothing came yet), `live`, `idle` (nothing for `windows.idle_timeout_s`) or `gone` (nothing
            for `windows.max_open_s`).
        since_ms: when its latest item came; while it has brought none, when the source came into sight. Epoch ms.
        at_ms: when the state changed. Both are readings of the partition's read clock, which follows Kafka's timestamps
            in a backlog.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal["braid.source.state.v1"] = Field(default="braid.source.state.v1", alias="schema")
    source_id: str
    modality: Modality
    state: Literal["awaited", "live", "idle", "gone"]
    since_ms: int
    at_ms: int

    def to_json(self) -> bytes:
        """Serialise to the one documented shape, UTF-8 JSON."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "SourceState":
        """Read what `to_json` wrote.

        Raises:
            pydantic.ValidationError: the text is not a source's state; names each faulty field.
        """
        return cls.model_validate_json(text)
