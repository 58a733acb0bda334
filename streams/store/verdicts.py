"""What people said of stored windows: kept for longer than the windows themselves."""

from collections.abc import Sequence
from typing import ClassVar, Self, cast

from pydantic import model_validator
from redis.asyncio import Redis

from streams.store.connection import Connection
from streams.store.documents import StoredDocument
from streams.store.identity import detection_id, split_detection_id
from streams.store.keys import Keys, window_member
from streams.store.scripts import Script, ScriptCall, run_scripts

__all__ = ["Verdict", "Verdicts"]


class Verdict(StoredDocument):
    """What a person said of one window.

    Attributes:
        classes: that happen in it; empty: none of those asked does.
        asked: that it speaks of, those in `classes` included; of any other class nothing is known.
        author: who said it; None where nobody is named.
        at_ms: when, epoch milliseconds.
    """

    means: ClassVar[str] = "a verdict"
    code: ClassVar[str] = "contract.verdict"

    classes: tuple[str, ...]
    asked: tuple[str, ...]
    author: str | None = None
    at_ms: int

    @model_validator(mode="after")
    def _is_answer(self) -> Self:
        if unasked := set(self.classes) - set(self.asked):
            raise ValueError(f"classes that were not asked for: {', '.join(sorted(unasked))}")
        return self


class Verdicts:
    """The verdicts in one Redis; `Store.verdicts` is the way to it. Every call may be repeated as it is.

    Each call is bounded by `redis.timeout_s` and may raise DependencyUnavailable; what it finds in another shape than a
    verdict's raises ContractBroken.
    """

    def __init__(self, connection: Connection, keys: Keys, retention_ms: int) -> None:
        """Keep verdicts for `retention_ms` after each was given."""
        self._connection = connection
        self._keys = keys
        self._retention_ms = retention_ms
        self._judge = Script.read("judge")

    async def keep(self, window_id: str, verdict: Verdict) -> bool:
        """Keep a verdict in place of an earlier one.

        Returns:
            False when neither an answer nor an earlier verdict of that window is stored; nothing was changed.

        Raises:
            ConfigurationError: the id is malformed.
        """
        keys, (source_id, start_ms, end_ms) = self._keys, split_detection_id(window_id)
        call = ScriptCall(
            self._judge,
            [
                keys.detection(source_id, start_ms, end_ms),
                keys.verdicts(source_id),
                keys.verdict_expiry(source_id),
                keys.judged,
            ],
            [window_member(start_ms, end_ms), source_id, verdict.encode(), self._retention_ms],
        )
        [answer] = await self._connection.run("verdict", lambda redis: run_scripts(redis, [call]))
        return bool(answer == b"kept")

    async def remove(self, window_id: str) -> bool:
        """Take a verdict back.

        Returns:
            Whether there was one.

        Raises:
            ConfigurationError: the id is malformed.
        """
        keys, (source_id, start_ms, end_ms) = self._keys, split_detection_id(window_id)
        member = window_member(start_ms, end_ms)

        async def remove(redis: Redis) -> bool:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.hdel(keys.verdicts(source_id), member)
                pipeline.zrem(keys.verdict_expiry(source_id), member)
                removed, _ = await pipeline.execute()
            return bool(removed)

        return await self._connection.run("take back verdict", remove)

    async def of_source(self, source_id: str) -> dict[str, Verdict]:
        """Window id -> verdict, of one source, in order of start; those that have expired are passed over."""
        keys = self._keys

        async def read(redis: Redis) -> dict[str, Verdict]:
            seconds, microseconds = await redis.time()
            now_ms = seconds * 1000 + microseconds // 1000
            living = cast("list[bytes]", await redis.zrangebyscore(keys.verdict_expiry(source_id), now_ms + 1, "+inf"))
            if not living:
                return {}
            texts = cast("list[bytes | None]", await redis.hmget(keys.verdicts(source_id), living))
            return _by_window(source_id, living, texts, keys.verdicts(source_id))

        return await self._connection.run("verdicts", read)

    async def sources(self) -> list[str]:
        """Ids of the sources that may have verdicts, in order of name."""

        async def read(redis: Redis) -> list[str]:
            return sorted(
                member.decode() for member in cast("list[bytes]", await redis.zrange(self._keys.judged, 0, -1))
            )

        return await self._connection.run("judged sources", read)


def _by_window(source_id: str, members: Sequence[bytes], texts: Sequence[bytes | None], key: str) -> dict[str, Verdict]:
    windows = [tuple(int(part) for part in member.split(b"/")) for member in members]
    found = sorted((window, text) for window, text in zip(windows, texts, strict=True) if text is not None)
    return {
        detection_id(source_id, start_ms, start_ms + size_ms): Verdict.read(text, key)
        for (start_ms, size_ms), text in found
    }
