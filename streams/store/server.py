"""Whether a Redis server can keep what Braid gives it."""

import re
from collections.abc import Mapping
from typing import Any

from streams.errors import ConfigurationError

__all__ = ["OLDEST_SERVER", "refuse_unfit_server"]

OLDEST_SERVER = (6, 2)


def refuse_unfit_server(info: Mapping[str, Any], address: str) -> None:
    """Judge a server by its answer to INFO, which managed servers allow where they forbid CONFIG.

    Args:
        info: all its sections; to name several needs Redis 7.
        address: for messages.

    Raises:
        ConfigurationError: naming the fault and its mend.
    """
    version = str(info.get("redis_version", "unknown"))
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_SERVER:
        raise ConfigurationError(
            f"Redis at {address}: version {version}; expected {'.'.join(map(str, OLDEST_SERVER))} or newer; upgrade it",
            code="configuration.redis_version",
        )
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis at {address}: maxmemory-policy is {policy}; expected noeviction, because a store that evicts loses "
            "answers and positions in silence; run `CONFIG SET maxmemory-policy noeviction` and write it into "
            "redis.conf, or set it in your provider's parameter group",
            code="configuration.redis_policy",
        )
