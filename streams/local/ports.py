"""Ports of the servers: chosen free on the first start and remembered, so that addresses last as long as the data."""

import asyncio
import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

from streams.errors import ConfigurationError

__all__ = ["LOOPBACK", "PortBook", "accepts_connections", "is_free"]

LOOPBACK = "127.0.0.1"
# Below the range from which Linux takes the ports of outgoing connections (ip_local_port_range, 32768 and up): there a
# client's own connection could sit on a server's port.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
_TRIES = 1_000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not matter
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


async def accepts_connections(host: str, port: int) -> None:
    """Open a connection and close it again.

    Raises:
        OSError: nothing listens there.
    """
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


class PortBook:
    """Port numbers by name, kept in a file.

    Args:
        path: where they are remembered.
        pinned: ports that a person chose; these are never replaced.
        rng: where new ports come from.
    """

    def __init__(self, path: Path, pinned: Mapping[str, int], rng: random.Random) -> None:
        self._path = path
        self._pinned = dict(pinned)
        self._rng = rng
        self._ports = self._read()

    def port(self, name: str) -> int:
        """The port of that name: pinned, or remembered and still free, or chosen anew.

        Raises:
            ConfigurationError: the port is pinned and in use.
        """
        if name in self._pinned:
            port = self._pinned[name]
            if not is_free(port):
                raise ConfigurationError(
                    f"port {port}, asked for as {name}, is in use{_holder(port)}; end that process or ask for "
                    "another port",
                    code="configuration.port_in_use",
                )
        elif name in self._ports and is_free(self._ports[name]):
            return self._ports[name]
        else:
            port = self._choose()
        self._ports[name] = port
        self._write()
        return port

    def is_taken(self, name: str) -> bool:
        """Whether the remembered port of that name is in use, and another may be chosen."""
        return name not in self._pinned and name in self._ports and not is_free(self._ports[name])

    def _choose(self) -> int:
        others = set(self._ports.values()) | set(self._pinned.values())
        for _ in range(_TRIES):
            port = self._rng.randint(_FIRST_PORT, _LAST_PORT)
            if port not in others and is_free(port):
                return port
        raise ConfigurationError(
            f"no free port between {_FIRST_PORT} and {_LAST_PORT} on {LOOPBACK} after {_TRIES} tries; end some servers",
            code="configuration.no_free_port",
        )

    def _read(self) -> dict[str, int]:
        try:
            remembered = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return {name: port for name, port in remembered.items() if isinstance(port, int)}

    def _write(self) -> None:
        self._path.write_text(json.dumps(self._ports, indent=2) + "\n", encoding="utf-8")


def _holder(port: int) -> str:
    """` by pid N (name)` where the kernel tells us, else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by pid {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        return ""
    return ""
