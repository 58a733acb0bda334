"""How the time of one source is cut and how long it is waited for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from processors.modality import Modality
from streams.align.earlier import ALWAYS_MS, EarlierWindows, refuse_gaps
from streams.align.windows import windows_of

__all__ = ["AlignSettings", "Role"]

_MIN_SIZE_MS = 100


class Role(StrEnum):
    """What a modality means to a source's windows."""

    REQUIRED = "required"
    """Holds back the first answer until it has come, is idle, or the window was open for too long."""
    OPTIONAL = "optional"
    """Never holds back the first answer, only the seal: what it brings later revises the answer."""
    ABSENT = "absent"
    """Not part of the source: its items belong to no window and count for nothing."""


def _default_roles() -> Mapping[Modality, Role]:
    return {
        Modality.VIDEO: Role.REQUIRED,
        Modality.AUDIO: Role.REQUIRED,
        Modality.TRANSCRIPT: Role.OPTIONAL,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings:
    """Event-time settings of one source; checked when made.

    Attributes:
        size_ms: length of a window.
        hop_ms: distance between the starts of neighbouring windows; equal to the size, windows do not overlap.
        out_of_orderness_ms: how far the watermark of a modality stays behind the largest end it has brought.
        allowed_lateness_ms: how long after its end, in event time, a window still takes items.
        idle_timeout_ms: read-clock time without an item after which a modality is no longer waited for.
        max_open_ms: read-clock time after which a window is closed whatever is missing, and after which a source that
            brings nothing counts as vanished.
        roles: the role of each modality; one that is not listed is absent.
        earlier: the cuts before this one, in order of time. Of each, the windows that end at its `until_ms` or before,
            and start at the `until_ms` of the one before it or after; of this one those that start at the last
            `until_ms` or after. So every moment is in some window, and of two windows the one that starts later ends
            later.

    Raises:
        ValueError: a setting is out of its range, every modality is absent, or a moment would be in no window.
    """

    size_ms: int = 4_000
    hop_ms: int = 2_000
    out_of_orderness_ms: int = 500
    allowed_lateness_ms: int = 10_000
    idle_timeout_ms: int = 5_000
    max_open_ms: int = 30_000
    roles: Mapping[Modality, Role] = field(default_factory=_default_roles, hash=False)
    earlier: tuple[EarlierWindows, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        _check("size_ms", self.size_ms, at_least=_MIN_SIZE_MS, mend="make the windows longer")
        _check("hop_ms", self.hop_ms, at_least=1, mend="set it to size_ms for windows that do not overlap")
        _check("out_of_orderness_ms", self.out_of_orderness_ms, at_least=0, mend="set 0 for strictly ordered topics")
        _check("allowed_lateness_ms", self.allowed_lateness_ms, at_least=0, mend="set 0 to accept no late item")
        _check("idle_timeout_ms", self.idle_timeout_ms, at_least=1, mend="set it above the longest usual pause")
        if self.hop_ms > self.size_ms:
            raise ValueError(
                f"align settings: hop_ms is {self.hop_ms}, expected at most size_ms, {self.size_ms}: "
                "time between windows would belong to none; lower hop_ms or raise size_ms"
            )
        longest_wait_ms = self.size_ms + self.out_of_orderness_ms + self.idle_timeout_ms
        if self.max_open_ms <= longest_wait_ms:
            raise ValueError(
                f"align settings: max_open_ms is {self.max_open_ms}, expected more than size_ms + out_of_orderness_ms "
                f"+ idle_timeout_ms, {longest_wait_ms}: windows would close before a silent modality counts as idle; "
                "raise max_open_ms or lower idle_timeout_ms"
            )
        if all(role is Role.ABSENT for role in self.roles.values()):
            raise ValueError(
                f"align settings: roles are {dict(self.roles)}, expected at least one modality that is required or "
                "optional: nothing would ever enter a window; give one of them a role"
            )
        refuse_gaps(self.earlier, self.hop_ms)

    @property
    def since_ms(self) -> int:
        """From when on windows are of this cut and not of an earlier one."""
        return self.earlier[-1].until_ms if self.earlier else ALWAYS_MS

    def spans_of(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Start and end of the windows that an item belongs to, of whichever cut.

        Args:
            start_ms: beginning of the item, epoch milliseconds; may be negative.
            end_ms: its end, exclusive; not after the start, the item is a point.

        Returns:
            In order of start, never empty.
        """
        spans: list[tuple[int, int]] = []
        since_ms = ALWAYS_MS
        for cut in self.earlier:
            starts_ms = windows_of(start_ms, end_ms, cut.size_ms, cut.hop_ms)
            last_ms = cut.until_ms - cut.size_ms
            spans += [(each_ms, each_ms + cut.size_ms) for each_ms in starts_ms if since_ms <= each_ms <= last_ms]
            since_ms = cut.until_ms
        starts_ms = windows_of(start_ms, end_ms, self.size_ms, self.hop_ms)
        return spans + [(each_ms, each_ms + self.size_ms) for each_ms in starts_ms if since_ms <= each_ms]

    def end_of(self, start_ms: int) -> int:
        """The end of the window that starts at `start_ms`."""
        for cut in self.earlier:
            if start_ms < cut.until_ms:
                return start_ms + cut.size_ms
        return start_ms + self.size_ms

    def last_start_by(self, end_ms: int) -> int:
        """A bound on starts: the windows that start there or before are those that end at `end_ms` or before.

        If a window ends at `end_ms`, it is the start of that one.
        """
        start_ms = end_ms - self.size_ms
        for cut in reversed(self.earlier):
            if start_ms >= cut.until_ms:
                break
            start_ms = min(end_ms, cut.until_ms) - cut.size_ms
        return start_ms


def _check(name: str, got: int, *, at_least: int, mend: str) -> None:
    if not isinstance(got, int) or got < at_least:
        raise ValueError(
            f"align settings: {name} is {got!r}, expected a whole number of milliseconds from {at_least}; {mend}"
        )
