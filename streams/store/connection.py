"""The connection to Redis: bounded in number, bounded in time, and failing in Braid's words."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streams.errors import BraidError, ConfigurationError, ContractBroken, DependencyUnavailable
from streams.settings import RedisSettings

__all__ = ["Connection", "translate_error"]

MAX_CONNECTIONS = 16
_RETRY_AFTER_S = 1.0
# A connection that broke while it lay idle is replaced at once; every command of the store may be sent twice.
_RECONNECTS = 1

_REFUSED = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
    exceptions.ExternalAuthProviderError,
)
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
)
# Codes that redis-py has no class for; inside a script, Redis 6.2 hides every code in the text (`…: -OOM command`).
_AWAY_CODE = re.compile(r"(?:^|: -)(?:BUSY|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY)\b")

T = TypeVar("T")


class Connection:
    """A pool of connections to one Redis. Safe to share between the tasks of one event loop.

    Args:
        settings: the server's address and the longest wait for an answer.

    Raises:
        ConfigurationError: the address is missing or is not a Redis URL.
    """

    def __init__(self, settings: RedisSettings) -> None:
        if settings.url is None:
            raise ConfigurationError(
                "redis.url is not set and no Redis of `braid up` is known here; "
                "start `braid up`, or set redis.url (BRAID_REDIS__URL) to redis://host:port/0",
                code="configuration.redis",
            )
        try:
            pool = BlockingConnectionPool.from_url(
                settings.url.get_secret_value(),
                max_connections=MAX_CONNECTIONS,
                timeout=settings.timeout_s,
                socket_timeout=settings.timeout_s,
                socket_connect_timeout=settings.timeout_s,
                retry=Retry(NoBackoff(), _RECONNECTS),
            )
        except ValueError:
            # The library's text may repeat the URL, and with it the password.
            raise ConfigurationError(
                "redis.url is not a Redis URL; expected redis://[user:password@]host:port/db, rediss:// or unix://",
                code="configuration.redis",
            ) from None
        where = pool.connection_kwargs
        self.address: str = where.get("path") or f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"
        self._timeout_s = settings.timeout_s
        self._redis: Redis = Redis.from_pool(pool)

    async def run(self, what: str, call: Callable[[Redis], Awaitable[T]]) -> T:
        """Make one call, including the wait for a connection, within the time allowed.

        Args:
            what: the deed, for messages.
            call: what to do with the client.

        Raises:
            DependencyUnavailable: Redis cannot be reached, cannot write now, or did not answer in time.
            ConfigurationError: Redis refuses the credentials.
            ContractBroken: Redis answered something that the store's contract rules out.
        """
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await call(self._redis)
        except TimeoutError as error:
            raise DependencyUnavailable(
                f"{what}: Redis at {self.address} did not answer within {self._timeout_s:g} s",
                code="dependency.redis",
                retry_after_s=_RETRY_AFTER_S,
            ) from error
        except exceptions.RedisError as error:
            raise translate_error(error, f"{what}: Redis at {self.address}") from error
        except OSError as error:
            raise translate_error(exceptions.ConnectionError(str(error)), f"{what}: Redis at {self.address}") from error
        if task and task.cancelling() > cancelled_before:
            # redis-py sends under asyncio.wait_for, which up to Python 3.11 loses a cancellation that comes just as
            # the sending is done; who waits for the cancelled task would wait for ever.
            raise asyncio.CancelledError
        return answer

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await self._redis.aclose()


def translate_error(error: exceptions.RedisError, where: str) -> BraidError:
    """Say in Braid's families what a Redis error means for the caller.

    Args:
        error: what redis-py raised or returned.
        where: the deed and the server, as the message begins.
    """
    if isinstance(error, _REFUSED):
        return ConfigurationError(
            f"{where} refuses the credentials or their rights: {error}; correct redis.url or the user's ACL",
            code="configuration.redis",
        )
    if isinstance(error, _AWAY) or _AWAY_CODE.search(str(error)):
        return DependencyUnavailable(
            f"{where} is not available: {error}", code="dependency.redis", retry_after_s=_RETRY_AFTER_S
        )
    return ContractBroken(f"{where} answered {type(error).__name__}: {error}", code="contract.redis")
