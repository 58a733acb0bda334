"""What people may say of a source's windows, and of how many."""

from typing import Final, Literal

__all__ = ["MAX_LESSONS", "TaughtAs"]

TaughtAs = Literal["normal", "anomalous"]
"""What a person said of a window."""

MAX_LESSONS: Final = 32
"""Windows of one source that may be called normal or anomalous at a time."""
