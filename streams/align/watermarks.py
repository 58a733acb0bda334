"""How far a source has come in event time: a watermark per modality, and the two that they make together."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from processors.modality import Modality
from streams.align.clock import ReadClock
from streams.align.settings import AlignSettings, Role

__all__ = ["NEVER_MS", "Mark", "ModalityState", "Presence", "SourceWatermarks"]

NEVER_MS: Final = -(1 << 62)
"""Before every event time: the watermark of what has brought nothing."""
_NOBODY_MS: Final = 1 << 62
"""After every event time: the minimum over no modalities."""


class Presence(StrEnum):
    """What is known of a modality at the read clock."""

    AWAITED = "awaited"
    """It has brought nothing yet, and the source is younger than the idle timeout."""
    LIVE = "live"
    """It has brought something within the idle timeout."""
    IDLE = "idle"
    """It has brought nothing for the idle timeout."""
    GONE = "gone"
    """Its whole source has brought nothing for `max_open_ms`, and was released."""


class ModalityState(NamedTuple):
    """What is known of one modality of a source.

    Attributes:
        presence: whether it is there.
        since_ms: read clock of its latest item; of the source's first sight while it has brought none.
    """

    presence: Presence
    since_ms: int


class Mark:
    """One modality of one source.

    Attributes:
        is_required: whether it holds back the first answer.
        watermark_ms: largest counted end minus the out-of-orderness; `NEVER_MS` while it has brought nothing.
        last_seen_ms: read clock of its latest item; of the source's first sight while it has brought none.
        is_seen: whether it has brought anything since the source came into sight.
        is_idle: whether it has brought nothing for the idle timeout.
    """

    __slots__ = ("is_idle", "is_required", "is_seen", "last_seen_ms", "watermark_ms")

    def __init__(self, *, is_required: bool, first_seen_ms: int) -> None:
        self.is_required = is_required
        self.watermark_ms = NEVER_MS
        self.last_seen_ms = first_seen_ms
        self.is_seen = False
        self.is_idle = False

    @property
    def presence(self) -> Presence:
        """Idle, live or awaited."""
        if self.is_idle:
            return Presence.IDLE
        return Presence.LIVE if self.is_seen else Presence.AWAITED


class SourceWatermarks:
    """The watermarks of one source; neither the source's nor the seal's ever goes back.

    Attributes:
        marks: by modality, without the absent ones.
        source_ms: closes windows: the least of the required modalities that are not idle; with none, of all that are
            not idle; with none at all it stands still.
        seal_ms: ends windows: the least of all modalities that are not idle. Never ahead of `source_ms`.
        idle_count: how many modalities are idle.
        risen_ms: read clock as of which they last followed the modalities.
    """

    __slots__ = ("_idle_timeout_ms", "idle_count", "marks", "risen_ms", "seal_ms", "source_ms")

    def __init__(self, settings: AlignSettings, first_seen_ms: int) -> None:
        self.marks: dict[Modality, Mark] = {
            modality: Mark(is_required=role is Role.REQUIRED, first_seen_ms=first_seen_ms)
            for modality, role in settings.roles.items()
            if role is not Role.ABSENT
        }
        self.source_ms = NEVER_MS
        self.seal_ms = NEVER_MS
        self.idle_count = 0
        self.risen_ms = first_seen_ms
        self._idle_timeout_ms = settings.idle_timeout_ms

    def observe(self, mark: Mark, watermark_ms: int, clock: ReadClock) -> bool:
        """Take note of an item of a modality.

        Args:
            mark: the modality.
            watermark_ms: its watermark as far as this item goes.
            clock: the read clock, as of which idleness was judged.

        Returns:
            Whether the source or the seal watermark moved.
        """
        mark.last_seen_ms = clock.now_ms
        mark.is_seen = True
        before_ms = mark.watermark_ms
        if watermark_ms > before_ms:
            mark.watermark_ms = watermark_ms
        if mark.is_idle:
            mark.is_idle = False
            self.idle_count -= 1
        elif watermark_ms <= before_ms or before_ms > self.source_ms:
            # A modality that was ahead of the source watermark, and with it of the seal, is the least of neither.
            return False
        return self.rise(clock)

    def judge_idle(self, now_ms: int) -> Iterator[tuple[Modality, Mark]]:
        """Judge who is idle as of the read clock; who was, stays so until it brings something.

        Yields:
            Each modality that is about to become idle.
        """
        latest_idle_ms = now_ms - self._idle_timeout_ms
        for modality, mark in self.marks.items():
            if not mark.is_idle and mark.last_seen_ms <= latest_idle_ms:
                yield modality, mark
                mark.is_idle = True
                self.idle_count += 1

    def rise(self, clock: ReadClock) -> bool:
        """Move the source and the seal watermark up to what the modalities allow.

        While records are unread, an idle modality counts as the read clock minus the idle timeout instead of being
        left out: a camera without a microphone does not block a backlog, and lag is not idleness.

        Returns:
            Whether one of them moved.
        """
        self.risen_ms = clock.now_ms
        stand_in_ms = clock.now_ms - self._idle_timeout_ms
        least_required_ms = least_ms = _NOBODY_MS
        for mark in self.marks.values():
            watermark_ms = mark.watermark_ms
            if mark.is_idle:
                if clock.caught_up:
                    continue
                if watermark_ms < stand_in_ms:  # noqa: PLR1730 - on every second item; max() takes ten times as long
                    watermark_ms = stand_in_ms
            if watermark_ms < least_ms:  # noqa: PLR1730 - as above
                least_ms = watermark_ms
            if mark.is_required and watermark_ms < least_required_ms:
                least_required_ms = watermark_ms
        if least_ms == _NOBODY_MS:
            return False
        source_ms = least_ms if least_required_ms == _NOBODY_MS else least_required_ms
        has_moved = False
        if source_ms > self.source_ms:
            self.source_ms = source_ms
            has_moved = True
        if least_ms > self.seal_ms:
            self.seal_ms = least_ms
            has_moved = True
        return has_moved

    @property
    def is_all_idle(self) -> bool:
        """Whether no modality holds anything back."""
        return self.idle_count == len(self.marks)

    @property
    def last_seen_ms(self) -> int:
        """Read clock of the latest item of any modality; of the source's first sight while there is none."""
        return max(mark.last_seen_ms for mark in self.marks.values())

    def idle_deadlines_ms(self) -> Iterator[int]:
        """When each modality that is not idle will be, should it bring nothing more."""
        return (mark.last_seen_ms + self._idle_timeout_ms for mark in self.marks.values() if not mark.is_idle)
