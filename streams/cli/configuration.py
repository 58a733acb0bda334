"""`braid check-config`: every fault of the settings at once, or the settings in force."""

from typing import Annotated

import typer

from streams.cli.options import ConfigOption, read_settings
from streams.cli.terminal import make_console
from streams.settings.example import render_example

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("check-config")(check_config)


def check_config(
    config: ConfigOption = None,
    example: Annotated[bool, typer.Option("--example", help="Print every setting with its default, and exit.")] = False,
) -> None:
    """Check the settings, say every fault with file and line, and print what is in force.

    Exits 0 when all is well, 2 otherwise. Secrets are masked.
    """
    if example:
        typer.echo(render_example(), nl=False)
        return
    settings = read_settings(config)
    make_console().print_json(settings.model_dump_json())
