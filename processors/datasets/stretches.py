"""Windows of a stream that never ends, put into stretches, which take the place of recordings when sets are split."""

from collections.abc import Sequence

__all__ = ["stretches_of"]


def stretches_of(spans_ms: Sequence[tuple[int, int]], gap_ms: int) -> list[int]:
    """Where the stretch of each window begins.

    Windows belong to one stretch when they overlap or fewer than `gap_ms` milliseconds lie between them, or between
    each and a third one of it. So no two stretches share an item, or come nearer to each other than that.

    Args:
        spans_ms: start and exclusive end of each window of one source, in any order.
        gap_ms: above 0.

    Returns:
        For each window the start of the first window of its stretch.
    """
    begins: dict[tuple[int, int], int] = {}
    begin_ms = reached_ms = None
    for start_ms, end_ms in sorted(spans_ms):
        if reached_ms is None or begin_ms is None or start_ms - reached_ms >= gap_ms:
            begin_ms, reached_ms = start_ms, end_ms
        reached_ms = max(reached_ms, end_ms)
        begins[start_ms, end_ms] = begin_ms
    return [begins[span] for span in spans_ms]
