"""`braid label`: what people say of stored windows, and sets to learn from made of it."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.stored_windows import (
    DEFAULT_GAP_S,
    DEFAULT_LIMIT,
    EarliestOption,
    GapOption,
    LimitOption,
    SourceOption,
    StoredChoice,
)

__all__ = ["register"]

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="SOURCE/START_MS/SIZE_MS, as in a detection's JSON.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]

label = typer.Typer(no_args_is_help=True, help="Say what happens in stored windows, and make training sets of it.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(label, name="label")


@label.command("set")
def set_verdict(
    window_id: IdArgument,
    classes: Annotated[
        list[str], typer.Argument(metavar="CLASS...", help="Event classes that happen in the window, or none.")
    ],
    author: Annotated[str | None, typer.Option(help="Who says it.")] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Take classes that the model does not have, for another one to learn.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say what happens in a stored window, in place of what was said before.

    Classes that are not named do not happen in it, whether the model has them or an earlier verdict on the source
    spoke of them; `none` says that no class does.
    """
    from streams.cli.label_reports import set_and_print

    set_and_print(read_settings(config, data_dir), window_id, classes, author, takes_new=new)


@label.command("unset")
def unset_verdict(window_id: IdArgument, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Take back what was said of a window. Exits 1 when nothing was."""
    from streams.cli.label_reports import unset_and_print

    if not unset_and_print(read_settings(config, data_dir), window_id):
        raise typer.Exit(1)


@label.command("list")
def list_verdicts(
    source: SourceOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print what was said, in order of source and start of the window."""
    from streams.cli.label_reports import print_verdicts

    print_verdicts(read_settings(config, data_dir), source, as_json=as_json)


@label.command()
def suggest(
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many, those that teach most.")] = 10,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Earliest start: RFC 3339, epoch ms, or before now, such as -10m.  [default: as long ago as "
            "retention.topics_s, since older records are no longer on Kafka]",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Name the final windows whose labels would teach a model most, with the reasons.

    Those come first of which the model is unsure, or whose modalities pull its answer apart; and which resemble neither
    a window with a verdict nor one that was named before.
    """
    from streams.cli.label_reports import print_suggestions

    print_suggestions(read_settings(config, data_dir), source, since, limit, as_json=as_json)


@label.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT.npz", dir_okay=False, help="The set; one that is there goes.")],
    source: SourceOption = None,
    since: EarliestOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    gap_s: GapOption = DEFAULT_GAP_S,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write the windows with a verdict as a set to learn from.

    Their records are fetched from Kafka and encoded as a worker does it, with the encoders that Triton serves now.
    Windows that cannot be had are counted, with the reason. Exits 1 when none can; nothing is written then.
    """
    from streams.cli.label_export import export_and_print

    choice = StoredChoice(source=source, since=since, limit=limit, gap_s=gap_s)
    if not export_and_print(read_settings(config, data_dir), choice.as_chosen(), since, out, as_json=as_json):
        raise typer.Exit(1)
