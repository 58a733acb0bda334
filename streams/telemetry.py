"""Logs and probes: how a long-running process tells what it does."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import ConfigurationError

__all__ = ["ProbeServer", "configure_logging"]


def configure_logging(*, level: int = logging.INFO, as_json: bool | None = None) -> None:
    """Send all logs, structlog's and the libraries', to standard error in one form.

    Args:
        level: the least severe level that is written.
        as_json: one JSON object a line; None chooses it when standard error is not a terminal.
    """
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class ProbeServer:
    """Answers `/livez`, `/readyz` and `/metrics` on one port."""

    def __init__(
        self,
        host: str,
        port: int,
        missing: Callable[[], Mapping[str, str]],
        stalled: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Prepare; entering the context starts it.

        Args:
            host: address to listen on.
            port: 0 lets the system choose; see `port` after the start.
            missing: what is not there yet, by name, with the reason; empty means ready.
            stalled: why a restart is the only help; None means alive, also while something is missing.
        """
        self.host = host
        self.port = port
        self._missing = missing
        self._stalled = stalled
        app = web.Application()
        app.add_routes(
            [web.get("/livez", self._live), web.get("/readyz", self._ready), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            ConfigurationError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"cannot listen on {self.host}:{self.port} for probes: {error.strerror}; choose another --health-port",
                code="configuration.port",
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _live(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's handler signature
        if (reason := self._stalled()) is not None:
            return web.json_response({"status": "stalled", "reason": reason}, status=503)
        return web.json_response({"status": "alive"})

    async def _ready(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's handler signature
        missing = dict(self._missing())
        body: dict[str, Any] = {"status": "waiting" if missing else "ready", "missing": missing}
        return web.json_response(body, status=503 if missing else 200)

    async def _metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's handler signature
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
