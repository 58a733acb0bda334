"""`braid baseline`: what was learned of a source, and what people teach it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption, read_settings

__all__ = ["register"]

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="SOURCE/START_MS/SIZE_MS, as in a detection's JSON.")]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="Id of the source.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]

baseline = typer.Typer(no_args_is_help=True, help="See, teach, keep and reset what is normal for a source.")


class TaughtAs(StrEnum):
    """What a person says of a window."""

    normal = "normal"
    anomalous = "anomalous"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(baseline, name="baseline")


@baseline.command()
def teach(
    window_id: IdArgument,
    taught_as: Annotated[TaughtAs, typer.Argument(metavar="normal|anomalous", help="What the window is.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take back that it was taught so.")] = False,
    author: Annotated[str | None, typer.Option(help="Who says it.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say that a stored window is normal, or that it is not, in place of what was said before.

    The worker that owns the source takes it up within a second or so; it survives every restart. Where a window's
    features are not kept any longer, its records are fetched from Kafka and encoded again. Exits 1 when there is
    nothing to take back.
    """
    from streams.cli.baseline_teaching import teach_and_print

    if not teach_and_print(read_settings(config, data_dir), window_id, taught_as.value, undo=undo, author=author):
        raise typer.Exit(1)


@baseline.command()
def show(
    source: SourceArgument, as_json: JsonOption = False, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Say what was learned of a source, and what people taught. Exits 1 when nothing was learned."""
    from streams.cli.baseline_reports import show_baseline

    if not show_baseline(read_settings(config, data_dir), source, as_json=as_json):
        raise typer.Exit(1)


@baseline.command("export")
def export_file(
    source: SourceArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Written whole, or not at all.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write what was learned of a source to a file, as it was last stored."""
    from streams.cli.baseline_files import export_baseline

    export_baseline(read_settings(config, data_dir), source, file)


@baseline.command("import")
def import_file(
    source: SourceArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="As `export` writes it.")],
    relearn: Annotated[
        bool,
        typer.Option("--relearn", help="Where it was learned from other encoders, let the source begin anew."),
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Put what a file holds in place of what was learned of a source; workers may run.

    Windows that the source has learned already are not learned again, and what people taught at the source is taught
    to it again. A baseline that learned from other versions of the encoders than the source's is refused.
    """
    from streams.cli.baseline_files import import_baseline

    import_baseline(read_settings(config, data_dir), source, file, relearns=relearn)


@baseline.command()
def reset(
    source: SourceArgument,
    lessons: Annotated[
        bool, typer.Option("--lessons", help="Forget what people taught, too; otherwise it is taught again.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Forget what was learned of a source; it begins anew with the windows that come; workers may run."""
    from streams.cli.baseline_files import reset_baseline

    reset_baseline(read_settings(config, data_dir), source, forgets_lessons=lessons)
