"""Settings of what may be taken, kept and left out."""

from typing import Annotated, Literal

from pydantic import Field

from streams.settings.section import NotNegative, Positive, Seconds, Section

__all__ = ["LimitSettings", "OverloadSettings", "RetentionSettings"]


class LimitSettings(Section):
    """Bounds on what one item and one worker may take."""

    max_item_bytes: Positive = 10_000_000
    """A larger payload is poison."""
    max_decoded_bytes: Positive = 100_000_000
    """A payload that expands to more is poison."""
    max_item_ms: Positive = 60_000
    """A longer item is poison."""
    max_future_ms: NotNegative = 60_000
    """An item whose event time lies further after its Kafka timestamp is poison."""
    max_undecoded_bytes: Positive = 128_000_000
    """Payloads waiting for decoding and encoding; beyond it a worker stops reading until some are done."""
    max_held_bytes: Positive = 512_000_000
    """What windows hold until they are final; beyond it a worker reads only what the oldest of them wait for, and at
    twice as much the oldest are sealed."""
    max_sources: Positive = 10_000
    """Sources that a worker has in sight at a time."""
    unknown_sources: Literal["accept", "dead_letter"] = "accept"
    """What becomes of a further source's items: taken all the same, or sent to the dead letters."""


class RetentionSettings(Section):
    """How long things are kept."""

    detections_s: Positive = 7 * 86_400
    """Detections in Redis."""
    verdicts_s: Positive = 365 * 86_400
    """What people said of windows, in Redis, since they said it."""
    baselines_s: Positive = 90 * 86_400
    """What was learned of a source, in Redis, since it last learned."""
    topics_s: Positive = 86_400
    """Records on the topics that Braid creates."""
    topic_bytes: Positive = 1_000_000_000
    """Size of one partition of the topics that Braid creates."""


class OverloadSettings(Section):
    """What happens when more comes than can be answered."""

    shed: Literal["none", "oldest", "frames"] = "none"
    """What a worker that is behind leaves out. `none`: nothing, and the lag grows; `oldest`: every item that is older
    than `max_lag_s`; `frames`: of those, frames beyond `min_fps`. Both also leave out a judgement whose turn comes so
    long after its window closed."""
    max_lag_s: Seconds = 10.0
    """A worker is behind when an item's turn comes so long after Kafka took it."""
    min_fps: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Frames per second of a source that `frames` keeps."""
