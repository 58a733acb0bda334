"""How many sources a worker has in sight, and what becomes of one too many."""

from streams.errors import PoisonItem
from streams.settings import LimitSettings
from streams.worker.metrics import SOURCES

__all__ = ["SourceRegister"]


class SourceRegister:
    """Counts the sources in sight, over all partitions of an assignment."""

    def __init__(self, limits: LimitSettings) -> None:
        """Begin without a source."""
        self._limits = limits
        self._count = 0

    def enter(self, source_id: str) -> None:
        """Let a source in that is not in sight.

        Raises:
            PoisonItem: there are `limits.max_sources` already, and unknown ones are not accepted (`source.limit`).
        """
        if self._count >= self._limits.max_sources and self._limits.unknown_sources == "dead_letter":
            raise PoisonItem(
                f"the source {source_id} is one more than the {self._limits.max_sources} that this worker takes at a "
                "time (limits.max_sources); raise the limit, add a worker, or set limits.unknown_sources to accept",
                code="source.limit",
                stage="align",
            )
        self._change(1)

    def leave(self, count: int) -> None:
        """Take note that sources have gone out of sight."""
        self._change(-count)

    def _change(self, by: int) -> None:
        self._count += by
        SOURCES.set(self._count)
