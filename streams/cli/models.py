"""`braid models`: make the Triton model repository, and change versions of a model while workers run."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from processors.models.precision import Precision
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.terminal import say_steps
from streams.errors import ConfigurationError

__all__ = ["register"]

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Its name in the repository, such as fusion.")]
VersionArgument = Annotated[int, typer.Argument(metavar="N", min=1, help="Number of the version.")]

models = typer.Typer(
    no_args_is_help=True, help="Make the model repository that Triton serves, and change versions while workers run."
)


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
    fusion: Annotated[
        Path | None, typer.Option(help="Trained fusion model: .safetensors or .onnx.  [default: models.fusion_file]")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Export every network to ONNX with its preprocessing inside, and lay out the Triton repository.

    Takes up to two minutes; a repository that is up to date is left as it is, and versions that were deployed to it
    stay. Encoders are those of `models.encoders`. Needs `pip install braid[train]`.
    """
    from processors.errors import ModelError
    from processors.models.build import build_repository

    settings = read_settings(config, data_dir)
    folder = target or settings.data_dir / "models"
    plan = settings.models.plan if fusion is None else replace(settings.models.plan, fusion=fusion)
    say = say_steps("models")
    try:
        build_repository(
            folder,
            precision=precision or settings.models.precision,
            plan=plan,
            progress=lambda step, number, steps: say(f"{step} ({number}/{steps})"),
        )
    except ModelError as error:
        raise ConfigurationError(str(error), code="configuration.models") from error
    say(f"{folder} is ready; serve it with `braid up`, or with any Triton server")


@models.command("list")
def list_models(
    differences: Annotated[
        bool, typer.Option("--differences", help="List the windows that the shadow answered most differently.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show every model's versions: which are loaded, which one answers, and how its shadow differs from it.

    A version whose thresholds are not those of the repository is named with them. `--differences` lists up to 20
    windows: those with another event first, then those whose probabilities are furthest apart; `--json` always does.
    """
    from streams.cli.model_reports import print_overview

    print_overview(read_settings(config, data_dir), as_json=as_json, differences=differences)


@models.command()
def deploy(
    model: ModelArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="An ONNX file, or a folder with model.onnx.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Load another version of a model beside the live one, while workers run. It does not answer yet.

    A file whose inputs or outputs differ from the live version's is refused, and both signatures are shown. Thresholds
    that the file carries go with the version. If Triton cannot load it, nothing changes. Needs Triton with
    `--model-control-mode=explicit` and its repository within reach (models.repository).
    """
    from streams.cli.model_reports import deploy_version

    deploy_version(read_settings(config, data_dir), model, path)


@models.command()
def shadow(
    model: ModelArgument,
    version: VersionArgument,
    off: Annotated[bool, typer.Option("--off", help="End it; what was counted stays.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let a version answer the same windows beside the live one; nothing acts on what it says.

    `braid models list` shows how its answers differ, and with `--differences` in which windows.
    """
    from streams.cli.model_reports import shadow_version

    shadow_version(read_settings(config, data_dir), model, version, off=off)


@models.command()
def promote(
    model: ModelArgument,
    version: VersionArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a loaded version the live one: all workers of the group ask it from a second later on."""
    from streams.cli.model_reports import promote_version

    promote_version(read_settings(config, data_dir), model, version)


@models.command()
def rollback(model: ModelArgument, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Make the version live again that was so before."""
    from streams.cli.model_reports import roll_back

    roll_back(read_settings(config, data_dir), model)


@models.command()
def remove(
    model: ModelArgument,
    version: VersionArgument,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Unload a version and delete its folder; refused for the live one, the shadow, and where a rollback leads."""
    from streams.cli.model_reports import remove_version

    remove_version(read_settings(config, data_dir), model, version)
