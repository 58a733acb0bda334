"""Options that several commands share, and the settings that they lead to."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streams.settings import Settings, load_settings

__all__ = ["ConfigOption", "DataDirOption", "read_settings"]

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file of settings; the environment variable BRAID_CONFIG names one, too."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data, logs and addresses of the servers of `braid up`.  [default: .braid]"),
]


def read_settings(config: Path | None, data_dir: Path | None = None) -> Settings:
    """Settings in force for a command.

    Raises:
        ConfigurationError: naming every fault at once.
    """
    overrides: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    return load_settings(config, overrides)
