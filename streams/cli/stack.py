"""`braid up`, `down`, `status` and `topics`: the servers on this machine."""

import asyncio
import contextlib
import json
import os
import signal
from typing import Annotated, Any

import typer
from rich.table import Table

from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.terminal import headed, make_console
from streams.local.state import StackState
from streams.settings import Settings

__all__ = ["register"]

_STOP_TIMEOUT_S = 20.0

topics = typer.Typer(no_args_is_help=True, help="The Kafka topics that Braid reads and writes.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.add_typer(topics, name="topics")


PortOption = Annotated[int | None, typer.Option(min=1, max=65535, help="Listen on this port instead of a free one.")]


def up(
    workers: Annotated[int, typer.Option(min=0, help="Workers to run; 0 for the servers alone.")] = 1,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    kafka_port: PortOption = None,
    redis_port: PortOption = None,
    triton_port: PortOption = None,
) -> None:
    """Run Kafka, Redis, Triton and workers on this machine until Ctrl+C.

    All data, logs and addresses are in the data directory; the next start goes on with them. A server whose address is
    set (kafka.brokers, redis.url, triton.grpc) is not started. The first start fetches Kafka
    (43 MB) and builds the models.
    """
    from streams.local.supervisor import StackPlan, Supervisor

    settings = read_settings(config, data_dir)
    pinned = {"kafka": kafka_port, "redis": redis_port, "triton-grpc": triton_port}
    plan = StackPlan(workers, config, {name: port for name, port in pinned.items() if port is not None})
    console = make_console()

    def say(text: str) -> None:
        console.print(headed("braid up", text))

    say(f"starting in {settings.data_dir.absolute()}")
    supervisor = Supervisor(
        settings, plan, lambda state: console.print(_table(settings, _report(settings, state))), say
    )
    asyncio.run(supervisor.run())
    say("stopped")


def down(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Stop the stack that runs in the data directory, from another terminal. Exits 0 also when nothing runs."""
    from streams.errors import DependencyUnavailable
    from streams.local.identity import wait_until_gone
    from streams.local.state import DataDirectory, end_strays

    directory = DataDirectory(read_settings(config, data_dir).data_dir)
    console = make_console()
    state = directory.read()
    if state is None:
        console.print(f"nothing runs in {directory.path}")
        return
    if state.mark is not None and state.is_owned:
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGTERM)
        if not wait_until_gone(state.pid, state.mark, _STOP_TIMEOUT_S):
            raise DependencyUnavailable(
                f"`braid up`, pid {state.pid}, has not stopped within {_STOP_TIMEOUT_S:g} s of SIGTERM; a second "
                "`braid down` kills its processes",
                code="local.not_stopped",
            )
        console.print(f"stopped the stack in {directory.path}")
    else:
        with directory.owned():
            ended = end_strays(state)
            directory.forget()
        console.print(f"nothing runs in {directory.path}" + (f"; ended strays: {', '.join(ended)}" if ended else ""))


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show addresses and processes of the stack in the data directory. Exits 0 when all of them run, 1 otherwise."""
    from streams.local.state import DataDirectory

    settings = read_settings(config, data_dir)
    state = DataDirectory(settings.data_dir).read()
    report = _report(settings, state.as_seen_now() if state else None)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        make_console().print(_table(settings, report))
    runs = state is not None and state.is_owned and all(entry["state"] == "running" for entry in report["processes"])
    raise typer.Exit(0 if runs else 1)


@topics.command("create")
def create_topics(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Create the topics that do not exist yet, with the partitions, copies and retention of the settings."""
    from streams.local import with_local_addresses
    from streams.topics import check_topics, ensure_topics

    settings = with_local_addresses(read_settings(config, data_dir), {"kafka"})

    async def create() -> tuple[list[str], int]:
        return await ensure_topics(settings), await check_topics(settings)

    created, partitions = asyncio.run(create())
    make_console().print(
        f"created {', '.join(created)}" if created else "all topics exist", f"({partitions} partitions each)"
    )


def _report(settings: Settings, state: StackState | None) -> dict[str, Any]:
    """What `status --json` prints: the addresses in force and the processes."""
    return {
        "kafka": settings.kafka.brokers or (state.kafka if state else None),
        "redis": _masked(settings) or (state.redis if state else None),
        "triton_grpc": settings.triton.grpc or (state.triton_grpc if state else None),
        "processes": [
            {"name": process.name, "pid": process.pid, "state": process.state}
            for process in (state.processes if state else ())
        ],
    }


def _masked(settings: Settings) -> str | None:
    """The external Redis URL without its password."""
    if settings.redis.url is None:
        return None
    url = settings.redis.url.get_secret_value()
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{place}" if at else url


def _table(settings: Settings, report: dict[str, Any]) -> Table:
    running = bool(report["processes"])
    table = Table(title=f"Braid in {settings.data_dir.absolute()}", title_justify="left", show_header=False)
    for label, key in (("Kafka", "kafka"), ("Redis", "redis"), ("Triton gRPC", "triton_grpc")):
        table.add_row(label, report[key] or "-")
    for entry in report["processes"]:
        table.add_row(entry["name"], f"{entry['state']}, pid {entry['pid'] or '-'}")
    table.add_row("Logs", str(settings.data_dir.absolute() / "logs"))
    stop = f"Ctrl+C, or `braid down --data-dir {settings.data_dir}`"
    table.add_row("Stop", stop if running else "nothing runs; start with `braid up`")
    return table
