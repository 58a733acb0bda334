"""The `braid` command: one module per family of commands, loaded when called."""

from streams.cli.app import main

__all__ = ["main"]
