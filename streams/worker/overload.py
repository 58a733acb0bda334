"""What is left out when more comes than can be answered; pure."""

from collections.abc import Callable

from processors.modality import Modality
from streams.records import Item
from streams.settings import OverloadSettings

__all__ = ["Shedder"]


class Shedder:
    """Decides, when an item's turn to be encoded has come, whether it is left out instead.

    A worker is behind when an item's turn comes more than `max_lag_s` after Kafka took it. What is left out still
    counts for time: it moves watermarks, and its windows say what they lack.
    """

    def __init__(self, settings: OverloadSettings, wall_ms: Callable[[], int]) -> None:
        """Decide by `settings`, on the wall clock."""
        self._policy = settings.shed
        self._max_lag_ms = round(settings.max_lag_s * 1000)
        self._frame_interval_ms = round(1000 / settings.min_fps)
        self._wall_ms = wall_ms
        self._last_frames_ms: dict[str, int] = {}

    def sheds(self, item: Item) -> bool:
        """Whether an item is left out; to be asked once for each item, in the order of its partition."""
        if self._policy == "none" or self._wall_ms() - item.timestamp_ms <= self._max_lag_ms:
            return False
        if self._policy == "oldest":
            return True
        if item.modality is not Modality.VIDEO:
            return False
        last_ms = self._last_frames_ms.get(item.source_id)
        if last_ms is not None and 0 <= item.start_ms - last_ms < self._frame_interval_ms:
            return True
        self._last_frames_ms[item.source_id] = item.start_ms
        return False

    def forget(self, source_id: str) -> None:
        """Drop what is kept of a source."""
        self._last_frames_ms.pop(source_id, None)
