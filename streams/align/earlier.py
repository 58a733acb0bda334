"""Windows of settings that were changed: how a source's time was cut before the present cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ALWAYS_MS", "EarlierWindows", "refuse_gaps"]

ALWAYS_MS: Final = -(1 << 63)
"""Before every event time and every watermark: since when the present cut holds, if there was no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierWindows:
    """The windows that a source had before a change: those that end at the change or before.

    Attributes:
        size_ms: length of a window.
        hop_ms: distance between the starts of neighbouring windows.
        until_ms: moment of the change: a window of this cut ends there, and one of the next begins there.
    """

    size_ms: int
    hop_ms: int
    until_ms: int


def refuse_gaps(earlier: Sequence[EarlierWindows], hop_ms: int) -> None:
    """Refuse changes that leave a moment without a window.

    Args:
        earlier: the earlier cuts, in order of time.
        hop_ms: hop of the present cut.

    Raises:
        ValueError: at a change, no earlier window ends or no later one begins; or a cut has no room for a window.
    """
    next_hops_ms = [*(cut.hop_ms for cut in earlier), hop_ms][1:]
    since_ms = ALWAYS_MS
    for cut, next_hop_ms in zip(earlier, next_hops_ms, strict=True):
        what = f"align settings: the windows of {cut.size_ms} ms every {cut.hop_ms} ms until {cut.until_ms}"
        if not 0 < cut.hop_ms <= cut.size_ms:
            raise ValueError(f"{what}: expected a hop from 1 to their size; correct hop_ms")
        if (cut.until_ms - cut.size_ms) % cut.hop_ms:
            raise ValueError(f"{what}: none of them ends there; choose a moment at which one ends")
        if cut.until_ms % next_hop_ms:
            raise ValueError(f"{what}: no window begins there; choose a multiple of the next hop, {next_hop_ms}")
        if cut.until_ms - cut.size_ms < since_ms:
            raise ValueError(f"{what}: none of them fits after {since_ms}, when they begin; choose a later moment")
        since_ms = cut.until_ms
