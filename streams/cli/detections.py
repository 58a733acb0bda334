"""`braid tail` and `braid detections`: answers as they come, and answers that are stored."""

import contextlib
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption, read_settings

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="The whole detection as JSON, in its documented shape.")]

_detections = typer.Typer(help="Show stored detections.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(tail)
    app.add_typer(_detections, name="detections")


def tail(
    source: Annotated[str | None, typer.Option(help="Only this source's; without it, every source's.")] = None,
    as_json: JsonOption = False,
    final_only: Annotated[bool, typer.Option("--final-only", help="Only answers that will not change.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Follow new detections as they come, until Ctrl+C.

    A line says: when it was stored, source, start and length of the window, event and its probability, video, audio
    and transcript items covered, revision, whether it is final, and the delay from the window's close to its storing.
    With --json, one detection a line.
    """
    from streams.cli.detection_reports import follow

    with contextlib.suppress(KeyboardInterrupt):
        follow(read_settings(config, data_dir), source, as_json=as_json, final_only=final_only)


@_detections.command("list")
def list_detections(
    source: Annotated[str, typer.Option(help="Whose detections.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="Earliest start: RFC 3339, epoch ms, or before now, such as -10m."),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="T", help="Latest start, exclusive; as --from.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="At most so many: from --from on or, without it, the newest.")
    ] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print a source's stored detections in order of start. With --json, one array."""
    from streams.cli.detection_reports import print_stored

    print_stored(read_settings(config, data_dir), source, (from_, to), limit, as_json=as_json)


@_detections.command("show")
def show_detection(
    detection_id: Annotated[str, typer.Argument(metavar="ID", help="SOURCE/START_MS/SIZE_MS, as in its JSON.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print one stored detection. Exits 1 when it is not (or no longer) stored."""
    from streams.cli.detection_reports import print_one

    if not print_one(read_settings(config, data_dir), detection_id, as_json=as_json):
        raise typer.Exit(1)
