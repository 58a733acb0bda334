"""A process's log: a file and its predecessor, together never larger than twice the limit."""

from pathlib import Path

__all__ = ["BoundedLog", "tail"]

_LIMIT_BYTES = 8_000_000
_TAIL_BYTES = 8_192


class BoundedLog:
    """Appends to `path`; when full, the file becomes `path.1` and a new one begins.

    Raises:
        OSError: the file cannot be opened or written.
    """

    def __init__(self, path: Path, limit_bytes: int = _LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append raw output."""
        if self._file.tell() + len(chunk) > self._limit_bytes:
            self._file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self._file = self.path.open("ab", buffering=0)
        self._file.write(chunk)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, for an error message; a remark when there are none."""
    try:
        with path.open("rb") as file:
            size_bytes = file.seek(0, 2)
            file.seek(max(0, size_bytes - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        text = ""
    return "\n".join(text.splitlines()[-lines:]) or "(it wrote nothing)"
