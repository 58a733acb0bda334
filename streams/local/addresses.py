"""Addresses of the servers: those in the settings, or those that `braid up` wrote down."""

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import SecretStr

from streams.errors import ConfigurationError
from streams.local.state import DataDirectory
from streams.settings import Settings

__all__ = ["ALL_SERVERS", "ServerName", "is_external", "with_local_addresses"]

ServerName = Literal["kafka", "redis", "triton"]
ALL_SERVERS: tuple[ServerName, ...] = ("kafka", "redis", "triton")

_VARIABLES: Mapping[ServerName, str] = {
    "kafka": "BRAID_KAFKA__BROKERS",
    "redis": "BRAID_REDIS__URL",
    "triton": "BRAID_TRITON__GRPC",
}


def is_external(settings: Settings, server: ServerName) -> bool:
    """Whether the settings name this server's address, so that no embedded one is to be used."""
    return {
        "kafka": settings.kafka.brokers,
        "redis": settings.redis.url,
        "triton": settings.triton.grpc,
    }[server] is not None


def with_local_addresses(settings: Settings, needs: Collection[ServerName] = ALL_SERVERS) -> Settings:
    """Fill in the addresses that the settings leave open with those of the stack running in `data_dir`.

    Args:
        settings: in force.
        needs: the servers that the caller talks to; the others may stay without an address.

    Raises:
        ConfigurationError: a needed address is neither set nor written down by a running stack.
    """
    state = DataDirectory(settings.data_dir).read()
    if state is not None and state.is_owned:
        found: dict[ServerName, str | None] = {"kafka": state.kafka, "redis": state.redis, "triton": state.triton_grpc}
    else:
        found = {}
    missing = [
        name for name in ALL_SERVERS if name in needs and not is_external(settings, name) and not found.get(name)
    ]
    if missing:
        raise ConfigurationError(
            f"no address for {', '.join(name.capitalize() for name in missing)}: nothing runs in {settings.data_dir}; "
            f"start `braid up`, or set {', '.join(_VARIABLES[name] for name in missing)}",
            code="configuration.no_address",
        )
    redis_url = found.get("redis")
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"brokers": settings.kafka.brokers or found.get("kafka")}),
            "redis": settings.redis.model_copy(
                update={"url": settings.redis.url or (SecretStr(redis_url) if redis_url else None)}
            ),
            "triton": settings.triton.model_copy(update={"grpc": settings.triton.grpc or found.get("triton")}),
        }
    )
