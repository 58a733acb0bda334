"""Reading detections, indexes and positions back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError
from redis.asyncio import Redis

from streams.errors import ContractBroken
from streams.records import DETECTION_SCHEMA, Detection
from streams.store.keys import Keys
from streams.store.models import Comparison, LiveModels
from streams.store.positions import Position, position_of_hash
from streams.store.windows import AgreedWindows

__all__ = [
    "Span",
    "list_detections",
    "parse_detection",
    "read_comparisons",
    "read_detection",
    "read_detections",
    "read_fences",
    "read_final_through",
    "read_generation",
    "read_models",
    "read_position",
    "read_sources",
    "read_windows",
]

# A page of detections is about a megabyte on the wire.
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Which detections of a source to list: start in `[from_ms, to_ms)`, None unbounded."""

    from_ms: int | None
    to_ms: int | None
    limit: int
    newest: bool


async def read_detection(redis: Redis, key: str) -> Detection | None:
    """The detection under a key, as its JSON says."""
    body = await redis.hget(key, "body")
    return None if body is None else parse_detection(body)


async def read_detections(redis: Redis, keys: Sequence[str]) -> list[Detection]:
    """The detections under those keys that hold one, in order, page by page."""
    found: list[Detection] = []
    for start in range(0, len(keys), _PAGE):
        async with redis.pipeline(transaction=False) as pipeline:
            for key in keys[start : start + _PAGE]:
                pipeline.hget(key, "body")
            found += [parse_detection(body) for body in await pipeline.execute() if body is not None]
    return found


def parse_detection(body: bytes | str) -> Detection:
    """Read the `body` of a detection's hash.

    Raises:
        ContractBroken: it is not in the shape that this version of Braid knows.
    """
    try:
        return Detection.from_json(body)
    except ValidationError as error:
        raise ContractBroken(
            f"a detection in Redis is not in the shape {DETECTION_SCHEMA}: {error}; "
            "it was written by another version of Braid, or by something else",
            code="contract.detection",
        ) from error


async def list_detections(redis: Redis, keys: Keys, source_id: str, span: Span) -> list[Detection]:
    """Detections of a source in order of start, page by page until the limit or the end of the span.

    Windows that have expired but are not swept from the timeline yet are passed over. Windows stored or swept
    meanwhile do not disturb: each page starts at the start at which the page before ended.
    """
    low: str | int = "-inf" if span.from_ms is None else span.from_ms
    high: str | int = "+inf" if span.to_ms is None else f"({span.to_ms}"
    found: list[Detection] = []
    seen: set[bytes] = set()
    while len(found) < span.limit:
        timeline = keys.timeline(source_id)
        if span.newest:
            page = await redis.zrevrangebyscore(timeline, high, low, start=0, num=_PAGE)
        else:
            page = await redis.zrangebyscore(timeline, low, high, start=0, num=_PAGE)
        fresh = [member for member in cast("list[bytes]", page) if member not in seen]
        if not fresh:
            break
        seen.update(fresh)
        windows = [tuple(int(part) for part in member.split(b"/")) for member in fresh]
        async with redis.pipeline(transaction=False) as pipeline:
            for start_ms, size_ms in windows:
                pipeline.hget(keys.detection(source_id, start_ms, start_ms + size_ms), "body")
            bodies = await pipeline.execute()
        found += [parse_detection(body) for body in bodies if body is not None]
        if span.newest:
            high = windows[-1][0]
        else:
            low = windows[-1][0]
    return sorted(found[: span.limit], key=lambda detection: (detection.start_ms, detection.end_ms))


async def read_sources(redis: Redis, keys: Keys) -> dict[str, int]:
    """The index of sources, latest first."""
    members = cast("list[tuple[bytes, float]]", await redis.zrevrange(keys.sources, 0, -1, withscores=True))
    return {member.decode(): int(score) for member, score in members}


async def read_final_through(redis: Redis, keys: Keys, source_ids: Sequence[str]) -> dict[str, int]:
    """`final_through_ms` of each source that has one."""
    if not source_ids:
        return {}
    values = await redis.mget(keys.final_through_all(source_ids))
    return {source: int(value) for source, value in zip(source_ids, values, strict=True) if value is not None}


async def read_position(redis: Redis, key: str) -> Position | None:
    """The position under a key.

    Raises:
        ContractBroken: what is stored is not a position of a known version.
    """
    return position_of_hash(cast("dict[bytes, bytes]", await redis.hgetall(key)), key)


async def read_fences(redis: Redis, keys: Sequence[str]) -> list[tuple[int, int]]:
    """Token and number of writes under each key; zeros where there is none."""
    async with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "token", "writes")
        return [(int(token or 0), int(writes or 0)) for token, writes in await pipeline.execute()]


async def read_generation(redis: Redis, key: str) -> str | None:
    """The generation mark under a key."""
    mark = cast("bytes | None", await redis.get(key))
    return None if mark is None else mark.decode()


async def read_windows(redis: Redis, key: str) -> AgreedWindows | None:
    """The window settings under a key.

    Raises:
        ContractBroken: what is stored is not in a shape that is known.
    """
    text = cast("bytes | None", await redis.get(key))
    return None if text is None else AgreedWindows.read(text, key)


async def read_models(redis: Redis, key: str) -> LiveModels | None:
    """The live models under a key.

    Raises:
        ContractBroken: what is stored is not in a shape that is known.
    """
    text = cast("bytes | None", await redis.get(key))
    return None if text is None else LiveModels.read(text, key)


async def read_comparisons(redis: Redis, key: str) -> dict[str, Comparison]:
    """Worker -> what it compared, under a key.

    Raises:
        ContractBroken: what is stored is not in a shape that is known.
    """
    fields = cast("dict[bytes, bytes]", await redis.hgetall(key))
    return {worker.decode(): Comparison.read(text, key) for worker, text in fields.items()}
