"""`braid dataset`: what is in a data set, and whether it can be learned from."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.errors import ConfigurationError

__all__ = ["register"]

dataset = typer.Typer(no_args_is_help=True, help="Look at data sets before models learn from them.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(dataset, name="dataset")


@dataset.command()
def check(
    path: Annotated[
        Path,
        typer.Argument(help="Folder of recordings with labels.tsv, folder of sounds by class, or .npz of features."),
    ],
    event_class: Annotated[
        list[str] | None, typer.Option("--class", help="A class that must occur; others are faults. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what a data set holds, or what is wrong with it: file, line or row, and the mend."""
    from processors.datasets.survey import survey
    from processors.errors import DatasetError

    try:
        found = survey(path, event_class)
    except DatasetError as error:
        raise ConfigurationError(str(error), code="configuration.dataset") from error
    if as_json:
        typer.echo(json.dumps({"format": found.form, **found.counts, "events": found.classes}, indent=2))
        return
    told = [f"{_say(count)} {name.replace('_', ' ')}" for name, count in found.counts.items() if count not in ({}, 0)]
    typer.echo(f"{found.form}: {', '.join(told)}")
    for name, count in found.classes.items():
        typer.echo(f"  {name}: {count}")


def _say(count: Any) -> str:
    if not isinstance(count, dict):
        return str(count)
    return "(" + ", ".join(f"{name} {_say(part)}" for name, part in count.items()) + ")"


@dataset.command()
def convert(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings; labels.tsv is written into it.")],
    csv: Annotated[
        Path | None, typer.Option(help="Table of events. Without it, label tracks of Audacity (.txt) are read.")
    ] = None,
    class_folders: Annotated[
        bool,
        typer.Option("--class-folders", help="Each file is one event of the class that its folder is named after."),
    ] = False,
    file_column: Annotated[str, typer.Option(help="Title of the column with names of recordings.")] = "filename",
    start_column: Annotated[str, typer.Option(help="Of the column with starts.")] = "onset",
    end_column: Annotated[str, typer.Option(help="Of the column with ends.")] = "offset",
    class_column: Annotated[str, typer.Option(help="Of the column with classes.")] = "event_label",
    delimiter: Annotated[str, typer.Option(help="What divides the columns, such as ; or tab.")] = ",",
    milliseconds: Annotated[bool, typer.Option("--milliseconds", help="Times are milliseconds, not seconds.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a labels.tsv that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make labels.tsv from a CSV table, from label tracks that Audacity exported, or from folders by class."""
    from processors.datasets.conversion import CsvColumns, read_audacity_labels, read_class_labels, read_csv_labels
    from processors.datasets.recordings import LABELS_NAME, write_labels
    from processors.errors import DatasetError

    divider = "\t" if delimiter == "tab" else delimiter
    if len(divider) != 1:
        raise typer.BadParameter(f"--delimiter is {delimiter!r}; expected one character, or tab")
    if class_folders and csv is not None:
        raise typer.BadParameter("--class-folders and --csv name two sources of labels; give one of both")
    target = folder / LABELS_NAME
    if target.exists() and not replace:
        raise ConfigurationError(
            f"{target} is there already; use --replace, or move it away", code="configuration.dataset"
        )
    try:
        if class_folders:
            events = read_class_labels(folder)
        elif csv is None:
            events = read_audacity_labels(folder)
        else:
            columns = CsvColumns(file_column, start_column, end_column, class_column)
            unit_ms = 1 if milliseconds else 1000
            events = read_csv_labels(csv, folder, columns, delimiter=divider, unit_ms=unit_ms)
        write_labels(folder, events)
    except DatasetError as error:
        raise ConfigurationError(str(error), code="configuration.dataset") from error
    counts = Counter(event.event_class for found in events.values() for event in found)
    if as_json:
        typer.echo(json.dumps({"labels": str(target), "events": dict(sorted(counts.items()))}, indent=2))
        return
    typer.echo(f"{target}: {counts.total()} events in {sum(bool(found) for found in events.values())} recordings")
    for name, count in sorted(counts.items()):
        typer.echo(f"  {name}: {count} events")
    typer.echo(f"next: braid dataset check {folder}")
