"""`braid worker`: one worker process."""

import os
import socket
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption, read_settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(worker)


def worker(
    name: Annotated[
        str | None, typer.Option(help="Name of this worker, unique in its group.  [default: host name and process id]")
    ] = None,
    health_host: Annotated[str, typer.Option(help="Address of /livez, /readyz and /metrics.")] = "127.0.0.1",
    health_port: Annotated[int, typer.Option(help="Their port; 0 lets the system choose.", min=0, max=65535)] = 0,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Carry items from Kafka through Triton to Redis until SIGTERM.

    Workers of one group share the partitions; start as many as there are partitions at most. A worker that is ended in
    any way loses nothing: what it had not finished is read again.
    """
    from streams.local import with_local_addresses
    from streams.worker.run import run_worker

    settings = with_local_addresses(read_settings(config, data_dir), needs={"kafka", "redis", "triton"})
    run_worker(settings, name or f"{socket.gethostname()}-{os.getpid()}", health_host, health_port)
