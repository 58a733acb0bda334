"""Settings of windows and of the modalities in them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from streams.settings.section import NotNegative, Positive, Seconds, Section

__all__ = ["ModalitySettings", "WindowSettings"]

RoleName = Literal["required", "optional", "absent"]


class WindowSettings(Section):
    """Event-time windows."""

    size_ms: Annotated[int, Field(ge=100)] = 4_000
    """Length of a window."""
    hop_ms: Positive = 2_000
    """A window begins every so often; at most `size_ms`."""
    out_of_orderness_ms: NotNegative = 500
    """How far items of one modality may be out of order without waiting for a revision."""
    allowed_lateness_ms: NotNegative = 10_000
    """How long after a window's end an item still revises its answer."""
    idle_timeout_s: Seconds = 5.0
    """A modality that brings nothing for so long holds nobody back."""
    max_open_s: Seconds = 30.0
    """A window is answered after so long, whatever is missing."""
    effective_from_ms: Positive | None = None
    """Moment in event time, epoch milliseconds, from which on changed `size_ms` and `hop_ms` hold, those of `sources`
    included; what went before keeps its windows. Without it workers refuse to change them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hop_ms > self.size_ms:
            raise ValueError(
                f"hop_ms is {self.hop_ms}, more than size_ms, {self.size_ms}: "
                "items between windows would be lost; lower hop_ms"
            )
        least_s = (self.size_ms + self.out_of_orderness_ms) / 1000 + self.idle_timeout_s
        if self.max_open_s <= least_s:
            raise ValueError(
                f"max_open_s is {self.max_open_s:g}; it must exceed size + out-of-orderness + idle timeout, "
                f"{least_s:g} s here; raise max_open_s"
            )
        return self


class ModalitySettings(Section):
    """What part each modality plays: required (waited for), optional (may revise) or absent (not read)."""

    video: RoleName = "required"
    """Frames."""
    audio: RoleName = "required"
    """Sound."""
    transcript: RoleName = "optional"
    """Words."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if {self.video, self.audio, self.transcript} == {"absent"}:
            raise ValueError("all modalities are absent; make at least one required or optional")
        return self
