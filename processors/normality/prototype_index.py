"""Which prototypes of a memory bank are meant, as numpy is told so in the least time."""

import numpy as np
import numpy.typing as npt

__all__ = ["PrototypeIndex", "index_of"]

PrototypeIndex = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | tuple[int, slice]
"""Places and slots; of a lone prototype its place and a slice, which take less time than arrays of one."""


def index_of(places: npt.NDArray[np.intp], slots: npt.NDArray[np.intp]) -> PrototypeIndex:
    """The index of prototypes.

    Args:
        places: intp [N], at least one.
        slots: intp [N], of the places.
    """
    if len(slots) > 1:
        return places, slots
    slot = int(slots[0])
    return int(places[0]), slice(slot, slot + 1)
