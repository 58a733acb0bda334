"""Which class is taken for which where several may happen at once, or none."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["NONE", "Confusion", "confuse", "render_confusion"]

NONE: Final = "none"
"""Last row and column: no class is true that was missed, none was told that is false."""

Confusion = tuple[tuple[int, ...], ...]
"""Counts by true class (row) and told class (column)."""


def confuse(is_true: npt.NDArray[np.bool_], is_told: npt.NDArray[np.bool_]) -> Confusion:
    """Count true classes by what was told for them; the classes in order, then `NONE`.

    Heydarian, Doyle and Samavi, "MLCM: Multi-Label Confusion Matrix", IEEE Access 10 (2022): a class that is true and
    told counts on the diagonal. Where classes were missed and others told falsely, each of the missed was taken for
    each of the others. Where only some were missed, they were taken for none; where some were told beside all that are
    true, none was taken for them. An example of nothing, of which nothing is told, is none taken for none.

    Args:
        is_true: bool [N, C].
        is_told: bool [N, C]; what is not known is false in both.
    """
    classes = is_true.shape[1]
    missed, extra = is_true & ~is_told, is_told & ~is_true
    has_missed, has_extra = missed.any(axis=1), extra.any(axis=1)
    is_mistaken = has_missed & has_extra
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    counts[:classes, :classes] = missed[is_mistaken].astype(np.int64).T @ extra[is_mistaken].astype(np.int64)
    counts[range(classes), range(classes)] += (is_true & is_told).sum(axis=0)
    counts[:classes, classes] = missed[~has_extra].sum(axis=0)
    counts[classes, :classes] = extra[~has_missed].sum(axis=0)
    counts[classes, classes] = (~is_true.any(axis=1) & ~is_told.any(axis=1)).sum()
    return tuple(tuple(map(int, row)) for row in counts)


def render_confusion(names: Sequence[str], counts: Confusion) -> list[str]:
    """Lines of a Markdown table.

    Args:
        names: of rows and columns.
        counts: by true and told class.
    """
    lines = [f"| true class | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return lines + [f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(names, counts, strict=True)]
