"""Names of detections, and the digest of the items that one was made of."""

import hashlib
from collections.abc import Iterable

from streams.errors import ConfigurationError

__all__ = ["detection_id", "items_digest", "split_detection_id"]


def detection_id(source_id: str, start_ms: int, end_ms: int) -> str:
    """`source_id/start_ms/size_ms`: the same for every revision of a window."""
    return f"{source_id}/{start_ms}/{end_ms - start_ms}"


def split_detection_id(text: str) -> tuple[str, int, int]:
    """Read an id back.

    Returns:
        source id, start_ms, end_ms.

    Raises:
        ConfigurationError: the text is not a detection's id.
    """
    source_id, *numbers = text.split("/")
    try:
        start_ms, size_ms = (int(number) for number in numbers)
    except ValueError:
        start_ms = size_ms = 0
    if not source_id or size_ms <= 0 or text != f"{source_id}/{start_ms}/{size_ms}":
        raise ConfigurationError(
            f"detection id: got {text!r}; expected SOURCE/START_MS/SIZE_MS, such as dock-1/1700000000000/4000",
            code="configuration.detection_id",
        )
    return source_id, start_ms, start_ms + size_ms


def items_digest(item_ids: Iterable[str]) -> str:
    """SHA-256, in hex, over the sorted ids of a window's items; a repeated id counts once.

    Each id goes in with its length before it, so that no two sets of ids read the same.
    """
    digest = hashlib.sha256()
    for item_id in sorted(set(item_ids)):
        encoded = item_id.encode()
        digest.update(b"%d:%s" % (len(encoded), encoded))
    return digest.hexdigest()
