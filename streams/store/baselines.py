"""What was learned of each source, what is still to be learned, and what people said of windows, as Redis keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from redis.asyncio import Redis

from processors.teaching import MAX_LESSONS
from streams.errors import ContractBroken
from streams.store.baseline_documents import (
    BaselineAbout,
    BaselineWrite,
    Lesson,
    PendingWindow,
    StoredBaseline,
    StoredLesson,
)
from streams.store.connection import Connection
from streams.store.identity import detection_id, split_detection_id
from streams.store.keys import Keys, window_member
from streams.store.scripts import Script, ScriptCall, run_scripts

__all__ = ["MAX_LESSONS", "MAX_STATE_BYTES", "Baselines", "WriteStatus"]

MAX_STATE_BYTES = 64 * 1024
"""Of one baseline; a larger one is not written."""

WriteStatus = Literal["written", "changed", "fenced"]

# A window's features are some kilobytes: a page is some megabytes on the wire.
_SOURCES_PER_ROUND_TRIP = 32
_DROPPED_PER_WRITE = 500


class Baselines:
    """The baselines in one Redis; `Store.baselines` is the way to them. Every call may be repeated as it is.

    Each call is bounded by `redis.timeout_s` and may raise DependencyUnavailable; what it finds in another shape than
    is known raises ContractBroken.
    """

    def __init__(self, connection: Connection, keys: Keys, lifetime_ms: int, lessons_ms: int) -> None:
        """Keep baselines for `lifetime_ms` after each was last written, lessons for `lessons_ms` after the last one."""
        self._connection = connection
        self._keys = keys
        self._lifetime_ms = lifetime_ms
        self._lessons_ms = lessons_ms
        self._write = Script.read("write_baseline")
        self._replace = Script.read("replace_baseline")
        self._teach = Script.read("teach")

    async def read(self, source_id: str) -> StoredBaseline | None:
        """What was learned of a source; None when nothing was, or it has expired."""
        key = self._keys.baseline(source_id)

        async def read(redis: Redis) -> StoredBaseline | None:
            epoch, about, state = cast("list[bytes | None]", await redis.hmget(key, "epoch", "about", "state"))
            if epoch is None or about is None:
                return None
            return StoredBaseline(int(epoch), BaselineAbout.read(about, key), state or b"")

        return await self._connection.run("baseline", read)

    async def through_ms(self, source_ids: Sequence[str]) -> dict[str, int | None]:
        """Source -> start of the last window that its stored baseline has seen; None without one."""
        keys = [self._keys.baseline(source_id) for source_id in source_ids]

        async def read(redis: Redis) -> list[bytes | None]:
            async with redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hget(key, "about")
                return cast("list[bytes | None]", await pipeline.execute())

        abouts = await self._connection.run("baselines", read) if keys else []
        return {
            source_id: None if about is None else BaselineAbout.read(about, key).through_ms
            for source_id, key, about in zip(source_ids, keys, abouts, strict=True)
        }

    async def epoch(self, source_id: str) -> int:
        """Which import or reset is in force; 0 before the first."""
        key = self._keys.baseline(source_id)
        return int(await self._connection.run("baseline epoch", lambda redis: redis.hget(key, "epoch")) or 0)

    async def write(self, write: BaselineWrite) -> WriteStatus:
        """Keep what was learned under a fence, and drop the features that it was learned from; atomic.

        Returns:
            `written`; `changed` when a person has imported another one or reset it meanwhile; `fenced`. Nothing was
            changed by the latter two.

        Raises:
            ContractBroken: the state has more than `MAX_STATE_BYTES`.
        """
        keys, fence, stored = self._keys, write.fence, write.stored
        _require_small(write.source_id, stored.state)
        first, *others = _chunks(write.learned, _DROPPED_PER_WRITE) or [()]
        call = ScriptCall(
            self._write,
            [
                keys.baseline(write.source_id),
                keys.fence(fence.group, fence.partition),
                *(keys.detection(*split_detection_id(window_id)) for window_id in first),
            ],
            [fence.token, fence.writes, stored.epoch, stored.about.encode(), stored.state, self._lifetime_ms],
        )
        [(status, *writes)] = await self._connection.run("write baseline", lambda redis: run_scripts(redis, [call]))
        if writes:
            fence.writes = max(fence.writes, int(writes[0]))
        if status == b"written":
            for chunk in others:
                await self._drop_features(chunk)
        return cast("WriteStatus", status.decode())

    async def replace(
        self,
        source_id: str,
        expected: StoredBaseline | None,
        about: BaselineAbout,
        state: bytes,
        *,
        forgets_lessons: bool = False,
    ) -> bool:
        """Put another baseline in a source's place; whoever owns the source reads it within a second or so.

        Args:
            source_id: whose.
            expected: what was read.
            about: the new one.
            state: of the new one; empty for nothing learned.
            forgets_lessons: whether what people said of windows is dropped, too.

        Returns:
            False when something else is stored by now; nothing was changed.

        Raises:
            ContractBroken: the state has more than `MAX_STATE_BYTES`.
        """
        keys = self._keys
        _require_small(source_id, state)
        call = ScriptCall(
            self._replace,
            [keys.baseline(source_id), keys.baseline_changes, keys.lessons(source_id)],
            [
                expected.epoch if expected else 0,
                expected.about.encode() if expected else b"",
                about.encode(),
                state,
                source_id,
                self._lifetime_ms,
                int(forgets_lessons),
            ],
        )
        [status] = await self._connection.run("replace baseline", lambda redis: run_scripts(redis, [call]))
        return bool(status == b"replaced")

    async def pending(self, after_ms: Mapping[str, int | None], limit: int) -> dict[str, list[PendingWindow]]:
        """Windows that a source's baseline has not seen, in order of start.

        Args:
            after_ms: source -> start of the last window that it has seen; None when it has seen none.
            limit: windows per source at most.

        Returns:
            Source -> its windows up to the last final one; sources without any are left out.
        """
        found: dict[str, list[PendingWindow]] = {}
        for source_ids in _chunks(list(after_ms), _SOURCES_PER_ROUND_TRIP):
            part = {source_id: after_ms[source_id] for source_id in source_ids}
            found |= await self._connection.run("windows to learn", _PendingRead(self._keys, part, limit))
        return found

    async def features(self, window_id: str) -> bytes:
        """The features of a window; empty when none are kept (any longer)."""
        key = self._keys.detection(*split_detection_id(window_id))
        kept = await self._connection.run("features", lambda redis: redis.hget(key, "features"))
        return cast("bytes | None", kept) or b""

    async def teach(self, window_id: str, lesson: Lesson, features: bytes) -> Literal["taught", "absent", "full"]:
        """Keep a lesson, or take one back; the same again changes nothing.

        Args:
            window_id: of the window's detection.
            lesson: its revision is ignored.
            features: of the window; may be empty for a lesson that is taken back.

        Returns:
            `taught`; `absent` when there is nothing to take back; `full` when `MAX_LESSONS` others are in force.
        """
        keys, (source_id, start_ms, end_ms) = self._keys, split_detection_id(window_id)
        about = lesson.model_dump_json(exclude={"revision"})
        call = ScriptCall(
            self._teach,
            [keys.lessons(source_id), keys.baseline_changes],
            [
                window_member(start_ms, end_ms),
                lesson.taught_as,
                int(lesson.undone),
                about.removeprefix("{"),
                features,
                source_id,
                self._lessons_ms,
                MAX_LESSONS,
            ],
        )
        [[status]] = await self._connection.run("teach", lambda redis: run_scripts(redis, [call]))
        return cast("Literal['taught', 'absent', 'full']", status.decode())

    async def lessons_revision(self, source_id: str) -> int:
        """Revision of the source's last lesson; 0 without any."""
        key = self._keys.lessons(source_id)
        return int(await self._connection.run("lessons", lambda redis: redis.hget(key, "revision")) or 0)

    async def lessons(self, source_id: str) -> list[StoredLesson]:
        """What people said of the source's windows, in order of start; what was taken back is among it."""
        key = self._keys.lessons(source_id)
        fields = await self._connection.run("lessons", lambda redis: redis.hgetall(key))
        stored = cast("dict[bytes, bytes]", fields)
        found = []
        for name, text in stored.items():
            if name.startswith(b"lesson:"):
                member = name.removeprefix(b"lesson:")
                start_ms, size_ms = map(int, member.split(b"/"))
                window_id = detection_id(source_id, start_ms, start_ms + size_ms)
                features = stored.get(b"features:" + member, b"")
                found.append((start_ms, StoredLesson(window_id, Lesson.read(text, key), features)))
        return [lesson for _, lesson in sorted(found, key=lambda pair: (pair[0], pair[1].window_id))]

    async def changes(self, since_ms: int) -> tuple[dict[str, int], int]:
        """Sources whose baselines a person replaced or taught, and when, epoch milliseconds of the server's clock.

        Args:
            since_ms: earliest moment, by the server's clock.

        Returns:
            Source -> moment of its last change; and the server's clock.
        """

        async def read(redis: Redis) -> tuple[dict[str, int], int]:
            async with redis.pipeline(transaction=False) as pipeline:
                pipeline.zrangebyscore(self._keys.baseline_changes, since_ms, "+inf", withscores=True)
                pipeline.time()
                members, (seconds, microseconds) = await pipeline.execute()
            changed = {member.decode(): int(score) for member, score in members}
            return changed, seconds * 1000 + microseconds // 1000

        return await self._connection.run("baseline changes", read)

    async def _drop_features(self, window_ids: Sequence[str]) -> None:
        async def drop(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as pipeline:
                for window_id in window_ids:
                    pipeline.hdel(self._keys.detection(*split_detection_id(window_id)), "features")
                await pipeline.execute()

        await self._connection.run("drop features", drop)


def _require_small(source_id: str, state: bytes) -> None:
    if len(state) > MAX_STATE_BYTES:
        raise ContractBroken(
            f"the baseline of {source_id} has {len(state)} bytes, expected at most {MAX_STATE_BYTES}; it is not "
            f"stored: reset it with `braid baseline reset {source_id}`",
            code="contract.baseline",
        )


@dataclass(frozen=True, slots=True)
class _PendingRead:
    """One round trip for the names of windows, one for what is kept of them."""

    keys: Keys
    after_ms: Mapping[str, int | None]
    limit: int

    async def __call__(self, redis: Redis) -> dict[str, list[PendingWindow]]:
        async with redis.pipeline(transaction=False) as pipeline:
            for source_id, after_ms in self.after_ms.items():
                low = "-inf" if after_ms is None else f"({after_ms}"
                pipeline.get(self.keys.final_through(source_id))
                pipeline.zrangebyscore(self.keys.timeline(source_id), low, "+inf", start=0, num=self.limit)
            replies = await pipeline.execute()
        wanted: list[tuple[str, int, int]] = []
        for source_id, through, members in zip(self.after_ms, replies[::2], replies[1::2], strict=True):
            spans = [tuple(int(part) for part in member.split(b"/")) for member in members]
            wanted += [
                (source_id, start_ms, start_ms + size_ms)
                for start_ms, size_ms in sorted(spans)
                if through is not None and start_ms + size_ms <= int(through)
            ]
        async with redis.pipeline(transaction=False) as pipeline:
            for source_id, start_ms, end_ms in wanted:
                pipeline.hmget(self.keys.detection(source_id, start_ms, end_ms), "final", "features")
            kept = await pipeline.execute()
        found: dict[str, list[PendingWindow]] = {}
        for (source_id, start_ms, end_ms), (final, features) in zip(wanted, kept, strict=True):
            window_id = detection_id(source_id, start_ms, end_ms)
            window = PendingWindow(window_id, start_ms, end_ms, final == b"1", features or b"")
            found.setdefault(source_id, []).append(window)
        return found


def _chunks(entries: Sequence[str], size: int) -> list[Sequence[str]]:
    return [entries[first : first + size] for first in range(0, len(entries), size)]
