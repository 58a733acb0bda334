"""One `.npz` file: its arrays by name, with errors that say what is wrong where."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.errors import DatasetError

__all__ = ["NpzFile"]


class NpzFile:
    """Reads arrays and never unpickles.

    Args:
        path: the file.

    Raises:
        DatasetError: it is missing or is no `.npz` file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: no such file; expected an .npz file of features") from error
        except (OSError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{path}: not an .npz file ({error}); expected what numpy.savez writes") from error
        self.names = frozenset(name.removesuffix(".npy") for name in names if name.endswith(".npy"))

    @property
    def listing(self) -> str:
        """The names of its arrays, for messages."""
        return ", ".join(f"`{name}`" for name in sorted(self.names)) or "no array"

    def has_readable(self, name: str) -> bool:
        """Whether there is such an array, and it can be read without unpickling."""
        if name not in self.names:
            return False
        try:
            self._load(name)
        except ValueError:
            return False
        return True

    def read(self, name: str, *, ndim: int | None = None, rows: int | None = None) -> npt.NDArray[Any]:
        """An array as it stands.

        Args:
            name: of the array.
            ndim: how many dimensions it must have; any where None.
            rows: how long its first dimension must be; any where None.

        Raises:
            DatasetError: it is missing, pickled, damaged, or of another shape.
        """
        if name not in self.names:
            raise DatasetError(f"{self.path}: no array `{name}`; the file holds {self.listing}")
        try:
            array = self._load(name)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise DatasetError(
                f"{self.path}: `{name}` cannot be read ({error}); expected numbers or fixed-length strings, since "
                "pickled arrays are never loaded: save it again with a plain dtype"
            ) from error
        if array.ndim == 0 or ndim not in (None, array.ndim):
            raise DatasetError(
                f"{self.path}: `{name}` has shape {list(array.shape)}; expected {ndim or 'at least 1'} dimensions"
            )
        if rows not in (None, len(array)):
            raise DatasetError(f"{self.path}: `{name}` has {len(array)} rows; expected {rows}, as many as labels")
        return array

    def read_numbers(self, name: str, *, ndim: int, rows: int) -> npt.NDArray[np.float32]:
        """An array of finite numbers, as float32.

        Raises:
            DatasetError: as `read`; or it holds no numbers, NaN or infinity.
        """
        array = self.read(name, ndim=ndim, rows=rows)
        if array.dtype.kind not in "fiu" or not all(array.shape):
            raise DatasetError(
                f"{self.path}: `{name}` is {array.dtype} {list(array.shape)}; expected numbers, no dimension of 0"
            )
        is_bad = ~np.isfinite(array).reshape(rows, -1).all(axis=1)
        if is_bad.any():
            raise DatasetError(
                f"{self.path}: `{name}` row {int(is_bad.argmax())} holds NaN or infinity ({int(is_bad.sum())} such "
                "rows); expected finite numbers: leave the rows out, or write 0 where nothing was measured"
            )
        return array.astype(np.float32)

    def read_integers(self, name: str, *, rows: int) -> npt.NDArray[np.int64]:
        """A row of whole numbers.

        Raises:
            DatasetError: as `read`; or it holds anything else.
        """
        array = self.read(name, ndim=1, rows=rows)
        if array.dtype.kind not in "iu":
            raise DatasetError(f"{self.path}: `{name}` is {array.dtype}; expected whole numbers")
        return array.astype(np.int64)

    def _load(self, name: str) -> npt.NDArray[Any]:
        with np.load(self.path, allow_pickle=False) as arrays:
            return arrays[name]
