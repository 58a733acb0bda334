"""Arrays of several states in one mapping: each named by its group, a dot and its own name."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["grouped", "joined"]


def joined(groups: Mapping[str, Mapping[str, npt.NDArray[np.generic]]]) -> dict[str, npt.NDArray[np.generic]]:
    """One mapping of all arrays; a group's name has no dot."""
    return {f"{group}.{name}": array for group, state in groups.items() for name, array in state.items()}


def grouped(arrays: Mapping[str, npt.NDArray[Any]]) -> defaultdict[str, dict[str, npt.NDArray[Any]]]:
    """The groups again; one that is not there is empty."""
    groups: defaultdict[str, dict[str, npt.NDArray[Any]]] = defaultdict(dict)
    for name, array in arrays.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = array
    return groups
