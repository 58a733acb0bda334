"""Errors of the pure half; `streams` maps them to its own families at one call site.

The tree:
    ProcessorError
    ├── DatasetError         a file or folder of examples that cannot be learned from, or judged by
    ├── DecodeError          a payload that cannot be turned into a tensor
    ├── ModelError           a checkpoint, spec or tensor that does not fit
    └── SceneError           a scene that cannot be composed (`processors.scenes`)
"""

__all__ = ["DatasetError", "DecodeError", "ModelError", "ProcessorError"]


class ProcessorError(Exception):
    """Root of what `processors` raises on purpose."""


class DatasetError(ProcessorError):
    """Examples cannot be used; the message names the file, what was expected and what mends it."""


class DecodeError(ProcessorError):
    """A payload cannot be decoded.

    Attributes:
        code: stable, machine-readable reason, such as `video.truncated`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ModelError(ProcessorError):
    """A checkpoint, a model spec or a tensor does not fit; the message says what was expected."""
