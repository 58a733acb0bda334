"""Recordings to learn from, to choose by and to be judged by. No recording is in two parts."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.errors import DatasetError

__all__ = ["Split", "split_by_recording"]

_LEAST: Final = 3
_DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Split:
    """Names of recordings, in order.

    Attributes:
        training: to learn from.
        validation: that choose the pass, the calibration and the thresholds.
        test: that nothing is chosen by.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """The parts by name."""
        return {"training": self.training, "validation": self.validation, "test": self.test}

    def rows(self, part: str, recordings: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
        """The windows of a part.

        Args:
            part: its name.
            recordings: str [N], where each window is from.
        """
        return np.flatnonzero(np.isin(recordings, self.named[part]))


def split_by_recording(
    recordings: npt.NDArray[np.str_],
    shown: npt.NDArray[np.bool_],
    *,
    validation_share: float,
    test_share: float,
    seed: int,
) -> Split:
    """Draw the parts; of 200 draws, the first of those that show the most in each part.

    Training counts before validation, and validation before the test: what is not shown in training cannot be learned.

    Args:
        recordings: str [N], where each window is from.
        shown: bool [N, K], what there is to be seen in each window, such as a class that happens.
        validation_share: of the recordings, at least one.
        test_share: of the recordings, at least one.
        seed: of the draws.

    Raises:
        DatasetError: there are fewer than three recordings.
    """
    names = np.unique(recordings)
    if len(names) < _LEAST:
        raise DatasetError(
            f"{len(names)} recordings ({', '.join(map(str, names))}) cannot be split into training, validation and "
            f"test, since each is whole in one of them; expected at least {_LEAST}"
        )
    held = [max(1, round(share * len(names))) for share in (validation_share, test_share)]
    held = [min(count, (len(names) - 1) // 2) for count in held]
    shown = np.stack([shown[recordings == name].any(axis=0) for name in names])
    rng = np.random.default_rng(seed)
    draws = [_cut(rng.permutation(len(names)), *held) for _ in range(_DRAWS)]
    best = max(draws, key=lambda parts: [int(shown[part].any(axis=0).sum()) for part in parts])
    return Split(*(tuple(sorted(map(str, names[part]))) for part in best))


def _cut(order: npt.NDArray[np.int64], validation: int, test: int) -> tuple[npt.NDArray[np.int64], ...]:
    """Training, validation and test."""
    return order[validation + test :], order[:validation], order[validation : validation + test]
