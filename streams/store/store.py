"""The store: what may be asked of it. How keys and scripts make that true stands in the modules beside this one."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

from redis.asyncio import Redis

from streams.errors import ContractBroken
from streams.records import Detection
from streams.settings import RetentionSettings, Settings
from streams.store import readers
from streams.store.baselines import Baselines
from streams.store.connection import Connection
from streams.store.identity import detection_id, split_detection_id
from streams.store.keys import DEFAULT_PREFIX, Keys
from streams.store.models import Comparison, LiveModels
from streams.store.positions import Position
from streams.store.scripts import ScriptCall, run_scripts
from streams.store.server import refuse_unfit_server
from streams.store.verdicts import Verdicts
from streams.store.windows import AgreedWindows
from streams.store.write_calls import WriteCalls
from streams.store.writes import Answer, Fence, Finalise, MoveStatus, Put, SealedBy, Status

__all__ = ["Store"]


class Store:
    """Detections and positions in one Redis. Safe to share between the tasks of one event loop.

    Every call is bounded by `redis.timeout_s` and may raise DependencyUnavailable; each can then be repeated as it is,
    because every write is idempotent. Made by `connect`; an async context manager that closes itself.

    Attributes:
        verdicts: what people said of stored windows.
        baselines: what was learned of each source.
    """

    def __init__(self, connection: Connection, keys: Keys, calls: WriteCalls, retention: RetentionSettings) -> None:
        self.verdicts = Verdicts(connection, keys, retention.verdicts_s * 1000)
        self.baselines = Baselines(connection, keys, retention.baselines_s * 1000, retention.verdicts_s * 1000)
        self._connection = connection
        self._keys = keys
        self._calls = calls
        self._retention_ms = retention.detections_s * 1000

    @classmethod
    def connect(cls, settings: Settings, clock_ms: Callable[[], int], *, key_prefix: str = DEFAULT_PREFIX) -> Self:
        """Prepare a store; the first call opens the first connection.

        Args:
            settings: with the server's address filled in.
            clock_ms: processing time, epoch milliseconds; stamps `stored_ms`.
            key_prefix: before every key.

        Raises:
            ConfigurationError: `redis.url` is missing or is not a Redis URL.
        """
        keys = Keys(key_prefix)
        calls = WriteCalls(keys, settings.retention, clock_ms)
        return cls(Connection(settings.redis), keys, calls, settings.retention)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await self._connection.close()

    async def check(self) -> None:
        """Refuse a server that cannot keep what it is given; to be called once before the first write.

        Raises:
            ConfigurationError: the server is too old or evicts; says how to mend it.
        """
        info = await self._connection.run("check", lambda redis: redis.info())
        refuse_unfit_server(info, self._connection.address)

    async def take_token(self, group: str, partition: int) -> Fence:
        """Become the owner of a partition number; whoever owned it can write nothing from now on."""
        [token] = await self._run("take token", [self._calls.take_token(group, partition)])
        return Fence(group, partition, int(token))

    async def put(self, detection: Detection, fence: Fence) -> Answer:
        """Store one revision of a window: `put_many` of one."""
        [answer] = await self.put_many([Put(detection, fence)])
        return answer

    async def put_many(self, puts: Sequence[Put]) -> list[Answer]:
        """Store revisions in one round trip, in order, each atomic by itself.

        A put is accepted when nothing is stored under its id, or when what is stored is not final and covers no more:
        frames, audio chunks, samples, covered milliseconds and transcript segments, each for itself. The same digest
        is a no-op. The store numbers the revisions from 0.

        Returns:
            One answer per put: stored, same, smaller, final or fenced, and what is stored now.

        Raises:
            DependencyUnavailable: some may have been stored; put all of them again.
            ContractBroken: a detection's id does not fit its source and times.
        """
        for put in puts:
            _refuse_wrong_id(put.detection)
        replies = await self._run("put", [self._calls.put(put) for put in puts])
        return [_fenced_answer(put.fence, reply) for put, reply in zip(puts, replies, strict=True)]

    async def finalise(self, detection_id: str, sealed_by: SealedBy, fence: Fence) -> Answer:
        """Make the stored answer of a window final: `finalise_many` of one."""
        [answer] = await self.finalise_many([Finalise(detection_id, sealed_by, fence)])
        return answer

    async def finalise_many(self, finalises: Sequence[Finalise]) -> list[Answer]:
        """Make answers final in one round trip, in order, each atomic by itself, and move `final_through_ms` forward.

        The caller finalises a source's windows in order of start: `final_through_ms` says that everything before it is
        final. What is final already stays as it is, `sealed_by` included.

        Returns:
            One answer per finalise: final, absent or fenced, and what is stored now.

        Raises:
            DependencyUnavailable: some may have been made final; finalise all of them again.
            ConfigurationError: an id is malformed.
        """
        replies = await self._run("finalise", [self._calls.finalise(finalise) for finalise in finalises])
        return [_fenced_answer(finalise.fence, reply) for finalise, reply in zip(finalises, replies, strict=True)]

    async def is_in_force(self, fences: Sequence[Fence]) -> list[bool]:
        """Whether the store would take a write under each fence: it knows the token and every acknowledged write."""
        keys = [self._keys.fence(fence.group, fence.partition) for fence in fences]
        acknowledged = [(fence.token, fence.writes) for fence in fences]
        held = await self._connection.run("fences", lambda redis: readers.read_fences(redis, keys))
        return [
            token == own_token and writes >= own_writes
            for (token, writes), (own_token, own_writes) in zip(held, acknowledged, strict=True)
        ]

    async def read_generation(self) -> str | None:
        """The mark of a store that is whole since its first use; None in a new store, and in one that lost its data."""
        key = self._keys.generation
        return await self._connection.run("generation", lambda redis: readers.read_generation(redis, key))

    async def begin_generation(self, group: str, positions: Mapping[int, Mapping[str, int]]) -> bool:
        """Declare a store without a mark to be whole from here on.

        Args:
            group: consumer group.
            positions: partition number -> topic -> offset to read from; without topics, from the beginning.

        Returns:
            Whether it was done; False when the store has a mark already, and nothing was changed.
        """
        mark = uuid.uuid4().hex
        [stored] = await self._run("begin generation", [self._calls.begin_generation(mark, group, positions)])
        return bool(stored.decode() == mark)

    async def read_windows(self, group: str) -> AgreedWindows | None:
        """The window settings that the group's answers are made with; None before its first worker.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        key = self._keys.windows(group)
        return await self._connection.run("windows", lambda redis: readers.read_windows(redis, key))

    async def agree_on_windows(self, group: str, expected: AgreedWindows | None, new: AgreedWindows) -> AgreedWindows:
        """Set the window settings of a group, if they still are what is expected.

        Args:
            group: consumer group.
            expected: what was read; None when there should be none.
            new: in force from now on, with `expected` among its earlier ones where windows were made with it.

        Returns:
            What is in force: `new`, or what someone else has set.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        [stored] = await self._run("agree on windows", [self._calls.agree_on_windows(group, expected, new)])
        return AgreedWindows.read(stored, self._keys.windows(group))

    async def read_models(self, group: str) -> LiveModels | None:
        """Which version of a model makes the group's answers; None before its first worker.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        key = self._keys.models(group)
        return await self._connection.run("models", lambda redis: readers.read_models(redis, key))

    async def agree_on_models(self, group: str, expected: LiveModels | None, new: LiveModels) -> LiveModels:
        """Set which version of a model makes a group's answers, if it still is as expected.

        Args:
            group: consumer group.
            expected: what was read; None when there should be none.
            new: in force from now on.

        Returns:
            What is in force: `new`, or what someone else has set.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        [stored] = await self._run("agree on models", [self._calls.agree_on_models(group, expected, new)])
        return LiveModels.read(stored, self._keys.models(group))

    async def read_comparisons(self, group: str, model: str, live: int, shadow: int) -> dict[str, Comparison]:
        """Worker -> how the answers of a shadow version differed from the live one's, as far as it compared them.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        key = self._keys.comparison(group, model, live, shadow)
        return await self._connection.run("comparisons", lambda redis: readers.read_comparisons(redis, key))

    async def write_comparison(
        self, group: str, model: str, live: int, shadow: int, worker: str, comparison: Comparison
    ) -> None:
        """Put what a worker has compared in all in place of what it wrote before."""
        key = self._keys.comparison(group, model, live, shadow)
        lifetime_ms = self._retention_ms

        async def write(redis: Redis) -> None:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(key, worker, comparison.model_dump_json())
                pipeline.pexpire(key, lifetime_ms)
                await pipeline.execute()

        await self._connection.run("comparison", write)

    async def reopen(self, detection: Detection, made_from: str | None) -> Answer:
        """Revise a final answer, which stays final; only a replay of dead letters does it.

        Accepted when the stored answer is final and still the one that the new one was made from, and the new one
        covers no less; or when there is none though its window is final. The same digest is a no-op.

        Args:
            detection: its `revision`, `final`, `sealed_by` and `stored_ms` are ignored: the store sets them.
            made_from: digest of the stored answer that it was made from; None when there was none.

        Returns:
            Stored, same, smaller, changed (another answer is stored by now) or open (its window is not final), and what
            is stored now.

        Raises:
            DependencyUnavailable: it may have been stored; reopen it again.
            ContractBroken: the detection's id does not fit its source and times.
        """
        _refuse_wrong_id(detection)
        [reply] = await self._run("reopen", [self._calls.reopen(detection, made_from)])
        return _answer(reply)

    async def read_position(self, group: str, partition: int) -> Position | None:
        """How far a partition number's work is done; None before its first move.

        Raises:
            ContractBroken: what is stored is not a position of a known version.
        """
        key = self._keys.position(group, partition)
        return await self._connection.run("read position", lambda redis: readers.read_position(redis, key))

    async def move_position(
        self, fence: Fence, expected: Mapping[str, int] | None, new: Position, *, forgotten: Collection[str] = ()
    ) -> MoveStatus:
        """Move a partition number's position, if it still is where it is expected.

        Args:
            fence: of the partition number.
            expected: the next offsets that the caller read or moved to last; None when there should be none.
            new: the next offsets of all topics, and the watermarks that changed; others stay as they are.
            forgotten: sources whose watermarks are dropped.
        """
        [reply] = await self._run("move position", [self._calls.move_position(fence, expected, new, forgotten)])
        status, *writes = reply
        _note_writes(fence, writes)
        return MoveStatus(status.decode())

    async def get(self, detection_id: str) -> Detection | None:
        """One stored detection; None when there is none (any more).

        Raises:
            ConfigurationError: the id is malformed.
        """
        key = self._keys.detection(*split_detection_id(detection_id))
        return await self._connection.run("get", lambda redis: readers.read_detection(redis, key))

    async def get_many(self, detection_ids: Sequence[str]) -> list[Detection]:
        """Stored detections, in order; those that are not stored (any more) are left out.

        Raises:
            ConfigurationError: an id is malformed.
        """
        keys = [self._keys.detection(*split_detection_id(detection_id)) for detection_id in detection_ids]
        return await self._connection.run("get", lambda redis: readers.read_detections(redis, keys))

    async def list_detections(
        self,
        source_id: str,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 100,
        *,
        newest: bool = False,
    ) -> list[Detection]:
        """Stored detections of a source, in order of start.

        Args:
            source_id: whose.
            from_ms: earliest start; None is unbounded.
            to_ms: exclusive latest start; None is unbounded.
            limit: how many at most.
            newest: when there are more, the last ones rather than the first.
        """
        span = readers.Span(from_ms, to_ms, limit, newest)
        return await self._connection.run(
            "list", lambda redis: readers.list_detections(redis, self._keys, source_id, span)
        )

    async def sources(self) -> dict[str, int]:
        """Source id -> processing time at which something of it was last stored (epoch ms), latest first."""
        return await self._connection.run("sources", lambda redis: readers.read_sources(redis, self._keys))

    async def final_through_ms(self, source_ids: Sequence[str]) -> dict[str, int]:
        """Source id -> end of its last final window; sources without one are left out.

        Every window of the source that ends at or before it is final, also when its detection has expired.
        """
        return await self._connection.run(
            "final through", lambda redis: readers.read_final_through(redis, self._keys, source_ids)
        )

    async def _run(self, what: str, calls: Sequence[ScriptCall]) -> list[Any]:
        if not calls:
            return []
        return await self._connection.run(what, lambda redis: run_scripts(redis, calls))


def _refuse_wrong_id(detection: Detection) -> None:
    expected = detection_id(detection.source_id, detection.start_ms, detection.end_ms)
    if detection.id != expected:
        raise ContractBroken(
            f"put: detection has id {detection.id!r}; expected {expected!r} by its source, start_ms and end_ms",
            code="contract.detection_id",
        )


def _fenced_answer(fence: Fence, reply: list[Any]) -> Answer:
    """The answer of a script that counts the writes under a fence, between its status and what is stored."""
    status, *rest = reply
    _note_writes(fence, rest)
    return _answer([status, *rest[1:]])


def _answer(reply: list[bytes]) -> Answer:
    status, *body = reply
    return Answer(Status(status.decode()), readers.parse_detection(body[0]) if body else None)


def _note_writes(fence: Fence, counted: Sequence[bytes | int]) -> None:
    if counted:
        fence.writes = max(fence.writes, int(counted[0]))
