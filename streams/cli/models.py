"""`braid models`: make the Triton model repository."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from processors.models.precision import Precision
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.errors import ConfigurationError

__all__ = ["register"]

models = typer.Typer(no_args_is_help=True, help="Make the model repository that Triton serves.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(models, name="models")


@models.command()
def build(
    target: Annotated[
        Path | None, typer.Option(help="Folder of the repository.  [default: models in the data directory]")
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Numbers that the encoders compute in.  [default: models.precision]")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Export every network to ONNX with its preprocessing inside, and lay out the Triton repository.

    Takes seconds; a repository that is up to date is left as it is. Needs `pip install braid[train]`.
    """
    from processors.errors import ModelError
    from processors.models.build import build_repository

    settings = read_settings(config, data_dir)
    folder = target or settings.data_dir / "models"
    console = Console(stderr=True)

    def say(step: str, number: int, steps: int) -> None:
        console.print(f"[dim]models:[/] {step} ({number}/{steps})", highlight=False)

    try:
        build_repository(folder, precision=precision or settings.models.precision, progress=say)
    except ModelError as error:
        raise ConfigurationError(str(error), code="configuration.models") from error
    console.print(f"models: {folder} is ready; serve it with `braid up`, or with any Triton server")
