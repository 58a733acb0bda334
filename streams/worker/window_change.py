"""Whether a worker's window settings are those of its group, and what a change of them must keep. No I/O."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import gcd, lcm

from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import AgreedWindows, WindowCut, WindowCuts, WindowsBefore

__all__ = ["CHECK_EVERY_S", "Proposal", "cuts_of", "judge", "lead_ms", "next_change_ms"]

CHECK_EVERY_S = 5.0
"""How often a running worker looks whether its group has agreed on a change."""
_TIME_TO_RESTART_MS = 600_000  # what a proposed moment leaves for restarting every worker


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a worker's settings mean to its group.

    Attributes:
        wanted: what the group is to go by: what is stored, or a change of it; None while the worker must wait.
        reason: why it must wait, and the mend.
    """

    wanted: AgreedWindows | None
    reason: str = ""


def cuts_of(settings: Settings) -> WindowCuts:
    """The cuts that the settings ask for."""
    windows = settings.windows
    common = WindowCut(size_ms=windows.size_ms, hop_ms=windows.hop_ms)
    own = {source_id: settings.for_source(source_id).windows for source_id in settings.sources}
    cuts = {source_id: WindowCut(size_ms=each.size_ms, hop_ms=each.hop_ms) for source_id, each in own.items()}
    differing = {source_id: cut for source_id, cut in cuts.items() if cut != common}
    return WindowCuts(size_ms=common.size_ms, hop_ms=common.hop_ms, sources=differing)


def lead_ms(cuts: WindowCuts, max_future_ms: int) -> int:
    """How long before a change no window of `cuts` that reaches across it can hold anything yet, milliseconds.

    Such a window holds what happens within its size before the change, and that may come `max_future_ms` early. Twice
    the time between two checks more, and every worker that runs hears of the change before.
    """
    longest_ms = max(cut.size_ms for cut in (cuts, *cuts.sources.values()))
    return longest_ms + max_future_ms + round(2 * CHECK_EVERY_S * 1000)


def next_change_ms(before: WindowCuts, after: WindowCuts, not_before_ms: int) -> int | None:
    """The next moment at which, for every source that changes, an earlier window ends and a later one begins.

    Args:
        before: cuts until the change.
        after: cuts from the change on.
        not_before_ms: the least moment, epoch milliseconds.

    Returns:
        Epoch milliseconds; None when there is no such moment.
    """
    remainder_ms, period_ms = 0, 1
    every_other = ""  # no source has this name
    for source_id in {*before.sources, *after.sources, every_other}:
        old, new = before.of(source_id), after.of(source_id)
        if old == new:
            continue
        for wanted_ms, hop_ms in ((old.size_ms, old.hop_ms), (0, new.hop_ms)):
            # The Chinese remainder theorem, one congruence at a time.
            common_ms = gcd(period_ms, hop_ms)
            steps, is_impossible = divmod(wanted_ms - remainder_ms, common_ms)
            if is_impossible:
                return None
            reduced = hop_ms // common_ms
            remainder_ms += period_ms * (steps * pow(period_ms // common_ms, -1, reduced) % reduced)
            period_ms = lcm(period_ms, hop_ms)
    return not_before_ms + (remainder_ms - not_before_ms) % period_ms


def judge(stored: AgreedWindows, settings: Settings, now_ms: int) -> Proposal:
    """Compare a worker's settings with what its group goes by.

    Args:
        stored: what the group goes by.
        settings: of the worker.
        now_ms: the wall clock, epoch milliseconds.

    Raises:
        ConfigurationError: the settings change the windows at a moment at which they can't; names one at which they
            can.
    """
    own, from_ms, agreed_ms = cuts_of(settings), settings.windows.effective_from_ms, stored.effective_from_ms
    if own == stored.cuts:
        if from_ms in {None, agreed_ms} or agreed_ms is None:
            return Proposal(stored)
        return Proposal(
            None,
            f"windows.effective_from_ms is {from_ms}, but the workers of group {settings.kafka.group} have agreed that "
            f"these windows hold from {_at(agreed_ms)} on; set it to {agreed_ms}, or leave it out",
        )
    soonest_ms = now_ms + lead_ms(stored.cuts, settings.limits.max_future_ms)
    if stored.earlier:
        # Between two changes there must be room for a window.
        longest_ms = max(cut.size_ms for cut in (stored.cuts, *stored.cuts.sources.values()))
        soonest_ms = max(soonest_ms, stored.earlier[-1].until_ms + longest_ms)
    if from_ms is None or (agreed_ms is not None and from_ms <= agreed_ms):
        since = f" from {_at(agreed_ms)} on" if stored.earlier and agreed_ms is not None else ""
        return Proposal(
            None,
            f"these settings make windows of {own}; the workers of group {settings.kafka.group} have agreed on "
            f"{stored.cuts}{since} (size_ms and hop_ms of windows and sources.ID.windows). Go back to these, or set "
            "windows.effective_from_ms to the moment from which on the new ones hold"
            f"{_proposal(stored.cuts, own, max(soonest_ms, now_ms + _TIME_TO_RESTART_MS))}",
        )
    if from_ms < soonest_ms or next_change_ms(stored.cuts, own, from_ms) != from_ms:
        raise ConfigurationError(
            f"windows.effective_from_ms is {from_ms}; expected a moment from {_at(soonest_ms)} on, at which windows of "
            f"{stored.cuts} end and windows of {own} begin"
            f"{_proposal(stored.cuts, own, max(soonest_ms, from_ms))}",
            code="configuration.windows",
        )
    before = WindowsBefore(until_ms=from_ms, cuts=stored.cuts)
    return Proposal(AgreedWindows(cuts=own, effective_from_ms=from_ms, earlier=(*stored.earlier, before)))


def _proposal(before: WindowCuts, after: WindowCuts, not_before_ms: int) -> str:
    next_ms = next_change_ms(before, after, not_before_ms)
    if next_ms is None:
        return (
            ", but at no moment do the former end and the latter begin: choose a hop_ms whose greatest common divisor "
            "with the earlier hop_ms divides the earlier size_ms"
        )
    return f": {_at(next_ms)} is one"


def _at(at_ms: int) -> str:
    return f"{at_ms} ({datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec='milliseconds')})"
