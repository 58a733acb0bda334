"""`braid demo`: one command from nothing to detections, with a verdict at the end."""

import asyncio
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption
from streams.cli.terminal import make_console

__all__ = ["register"]

_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Another seed composes another scene.")] = 7,
    duration: Annotated[float, typer.Option(min=8, help="Length of the scene in seconds.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers that share the work.")] = 2,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Watch a composed scene and a real clip go through Kafka, Triton and Redis, and see whether Braid was right.

    Starts real servers and workers on this machine, plays both sources in real time, prints each answer as it is
    stored, and stops everything. Exits 0 when every item that was sent is in a final window, 1 otherwise.
    """
    from streams.cli.demo_screen import DemoScreen
    from streams.demo import DemoPlan, run_demo

    screen = DemoScreen(make_console())
    try:
        report = asyncio.run(run_demo(config, data_dir, DemoPlan(seed, duration, workers), screen))
    except KeyboardInterrupt:
        screen.say("stopped; nothing is left running")
        raise typer.Exit(_INTERRUPTED) from None
    screen.summary(report)
    if not all(source.is_whole for source in report.sources):
        raise typer.Exit(1)
