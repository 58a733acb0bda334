"""The command line's frame: registers the commands and turns Braid's errors into messages and exit codes."""

import importlib
import sys

import typer

from streams.cli.terminal import headed, make_console
from streams.errors import BraidError

__all__ = ["command_line", "main"]

_FAMILIES = (
    "streams.cli.demo",
    "streams.cli.stack",
    "streams.cli.sources",
    "streams.cli.worker",
    "streams.cli.detections",
    "streams.cli.label",
    "streams.cli.baseline",
    "streams.cli.dead_letters",
    "streams.cli.store",
    "streams.cli.models",
    "streams.cli.train",
    "streams.cli.pretrain",
    "streams.cli.evaluate",
    "streams.cli.score",
    "streams.cli.export",
    "streams.cli.dataset",
    "streams.cli.configuration",
)


def command_line() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="braid",
        help="Line up video, audio and transcripts in event time and turn them into detections that people can trust.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for family in _FAMILIES:
        importlib.import_module(family).register(app)
    return app


def main() -> None:
    """Run the command line. Exits 2 on a fault that a person must mend, 1 on any other failure."""
    try:
        command_line()()
    except BraidError as error:
        make_console(stderr=True).print(headed("braid", str(error), "bold red"))
        sys.exit(error.exit_code)
