"""In which numbers the encoders compute; apart from the quantisation itself, which needs the extra `train`."""

from enum import StrEnum

__all__ = ["Precision"]


class Precision(StrEnum):
    """In which numbers the encoders compute."""

    INT8 = "int8"
    """Eight-bit integers where they cost little: for CPUs."""
    FP16 = "fp16"
    """Half precision in the encoders: for GPUs."""
    FP32 = "fp32"
    """Floats everywhere: to compare with, and for GPUs."""
