"""Run scripts by their hash, many in one round trip; in full where the server does not know them (any more)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

__all__ = ["Script", "ScriptCall", "run_scripts"]


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the hash by which the server knows it."""

    text: str
    sha: str

    @classmethod
    def read(cls, name: str) -> "Script":
        """Read `name`.lua beside this module."""
        text = resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One run of a script."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | bytes | int]


async def run_scripts(redis: Redis, calls: Sequence[ScriptCall]) -> list[Any]:
    """Run the calls in order, in one round trip; each is atomic by itself.

    Calls whose script the server does not know go out again with the whole script, which also makes it known; their
    order among themselves is kept. The whole may be repeated after any error: each script is idempotent.

    Returns:
        The answer to each call.

    Raises:
        redis.exceptions.RedisError: the first error among the answers, or of the connection.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for call in calls:
            pipeline.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
        replies = await pipeline.execute(raise_on_error=False)
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        async with redis.pipeline(transaction=False) as pipeline:
            for index in unknown:
                call = calls[index]
                pipeline.eval(call.script.text, len(call.keys), *call.keys, *call.args)
            for index, reply in zip(unknown, await pipeline.execute(raise_on_error=False), strict=True):
                replies[index] = reply
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies
