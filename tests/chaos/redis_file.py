"""The append-only file of a Redis that is down: removed, or cut back to what it held some seconds ago."""

import asyncio
import contextlib
import shutil
from collections import deque
from pathlib import Path

__all__ = ["RedisFile"]

_SAMPLE_S = 0.1
_REMEMBERED_S = 60.0


class RedisFile:
    """Knows how long the file was at each moment of the last minute."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sizes: deque[tuple[float, int]] = deque(maxlen=int(_REMEMBERED_S / _SAMPLE_S))
        self._watch: asyncio.Task[None] | None = None

    def never_rewrite(self) -> None:
        """Have Redis only ever append: a file that it compacts cannot be cut back by time."""
        with (self._directory / "redis.conf").open("a", encoding="utf-8") as config:
            config.write("auto-aof-rewrite-percentage 0\n")

    def start_watching(self) -> None:
        """Note the size from now on."""
        self._watch = asyncio.create_task(self._note_sizes())

    async def stop_watching(self) -> None:
        """Note nothing more. Idempotent."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        self._watch = None

    def cut_back(self, back_s: float) -> int:
        """Lose what was written in the last `back_s`; Redis itself drops the half command at the new end.

        Returns:
            How many bytes were lost.
        """
        path = self._path()
        now_s = asyncio.get_running_loop().time()
        size = path.stat().st_size
        kept = max((length for at_s, length in self._sizes if at_s <= now_s - back_s), default=0)
        with path.open("r+b") as file:
            file.truncate(min(kept, size))
        self._sizes.clear()
        return size - min(kept, size)

    def remove(self) -> None:
        """Lose everything."""
        self._sizes.clear()
        for path in self._directory.glob("appendonly*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _path(self) -> Path:
        """The file that grows: Redis 7 keeps several in a folder, and appends to the last one."""
        incremental = sorted(self._directory.glob("appendonlydir/*.incr.aof"))
        return incremental[-1] if incremental else self._directory / "appendonly.aof"

    async def _note_sizes(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(FileNotFoundError):
                self._sizes.append((loop.time(), self._path().stat().st_size))
            await asyncio.sleep(_SAMPLE_S)
