"""Settings of what is learned of each source."""

from typing import Annotated, Final

from pydantic import Field

from streams.settings.section import Positive, Seconds, Section

__all__ = ["FOR_ALL_SOURCES", "BaselineSettings"]


class BaselineSettings(Section):
    """Each source's own normal, learned from its windows: what is unusual there, without a label."""

    enabled: bool = True
    """Whether windows are judged and learned from."""
    alarms_per_day: Annotated[float, Field(gt=0, le=10_000)] = 3.0
    """How many alarms a day a source may raise: the threshold of `is_anomalous` follows from it."""
    half_life_windows: Positive = 5_000
    """After so many windows learned, what came before counts half; of a baseline that begins anew."""
    fps: Annotated[float, Field(gt=0, le=60)] = 6.0
    """Frames a second that are looked at, at most; each takes some milliseconds of a core."""
    snapshot_s: Seconds = 60.0
    """What was learned of a source is stored after so long."""
    snapshot_windows: Positive = 100
    """What was learned of a source is stored after so many windows, if that is sooner."""
    max_bytes: Positive = 256_000_000
    """What a worker keeps of baselines in memory; those used least recently are stored and read again."""


FOR_ALL_SOURCES: Final = ("snapshot_s", "snapshot_windows", "max_bytes")
"""Keys that a single source cannot change."""
