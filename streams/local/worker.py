"""The workers that `braid up` starts: command and readiness."""

import sys
from pathlib import Path

import aiohttp

from streams.errors import DependencyUnavailable
from streams.local.ports import LOOPBACK
from streams.local.process import Command

__all__ = ["WorkerProcess"]

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_HTTP_OK = 200


class WorkerProcess:
    """Command and readiness of one worker.

    Args:
        name: as in logs and status.
        data_dir: where it finds the addresses.
        config: YAML file of settings, if one was given.
        health_port: for `/livez`, `/readyz` and `/metrics`.
    """

    def __init__(self, name: str, data_dir: Path, config: Path | None, health_port: int) -> None:
        self.name = name
        self.health = f"{LOOPBACK}:{health_port}"
        self.command = Command(
            (
                *(sys.executable, "-m", "streams.cli", "worker", "--name", name),
                *("--data-dir", str(data_dir), "--health-port", str(health_port)),
                *(("--config", str(config)) if config else ()),
            )
        )

    async def probe(self, _pid: int) -> None:
        """Ask its `/readyz`.

        Raises:
            DependencyUnavailable: not yet.
        """
        url = f"http://{self.health}/readyz"
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(url) as answer:
                if answer.status != _HTTP_OK:
                    raise DependencyUnavailable(f"{url} answers {answer.status}: {(await answer.text())[:500]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DependencyUnavailable(f"{url}: {error!r}") from error
