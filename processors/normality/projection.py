"""Long vectors made short: a fixed random projection that keeps distances (Achlioptas, 2003)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["project"]

_SEED = 20_030_601


def project(vectors: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float32]:
    """Shorten vectors that are longer than `dim`; others stay as they are.

    Args:
        vectors: float32 [N, D].
        dim: length wanted.

    Returns:
        float32 [N, min(D, dim)], with about the distances that the vectors have.
    """
    longer = vectors.shape[1]
    if longer <= dim:
        return vectors
    short: npt.NDArray[np.float32] = vectors @ _signs(longer, dim)
    return short


@lru_cache(maxsize=16)
def _signs(longer: int, shorter: int) -> npt.NDArray[np.float32]:
    # Raw bits: of numpy's random streams they alone are the same in every version.
    bits = np.random.PCG64(_SEED).random_raw((longer * shorter + 63) // 64)
    signs = np.unpackbits(bits.astype("<u8").view(np.uint8))[: longer * shorter].reshape(longer, shorter)
    return (signs.astype(np.float32) * 2 - 1) / np.float32(np.sqrt(shorter))
