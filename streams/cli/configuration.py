"""`braid check-config`: every fault of the settings at once, or the settings in force."""

import typer
from rich.console import Console

from streams.cli.options import ConfigOption, read_settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("check-config")(check_config)


def check_config(config: ConfigOption = None) -> None:
    """Check the settings, say every fault with file and line, and print what is in force.

    Exits 0 when all is well, 2 otherwise. Secrets are masked.
    """
    settings = read_settings(config)
    Console(soft_wrap=True).print_json(settings.model_dump_json())
