"""How a worker's memory is searched for cycles."""

import gc

__all__ = ["settle_heap"]

# Records and items die by their reference counts, most of them young: what is looked at late is seldom looked at.
_YOUNG, _MIDDLE, _OLD = 10_000, 20, 10


def settle_heap() -> None:
    """Take all that exists out of the collector's sight, and let it look less often; to be called once, when started.

    Modules and services live until the process ends, about a hundred thousand objects. Walking them again and again
    while windows grow costs more than aligning what is in the windows.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
