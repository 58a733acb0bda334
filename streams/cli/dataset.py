"""`braid dataset`: what is in a data set, and whether it can be learned from."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from streams.errors import ConfigurationError

__all__ = ["register"]

dataset = typer.Typer(no_args_is_help=True, help="Look at data sets before models learn from them.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(dataset, name="dataset")


@dataset.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings with labels.tsv.")],
    event_class: Annotated[
        list[str] | None, typer.Option("--class", help="A class that must occur; others are faults. Repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what a folder of recordings holds, or what is wrong with it: file, line, and the mend."""
    from processors.datasets.recordings import read_recordings
    from processors.errors import DatasetError

    try:
        found = read_recordings(folder, event_class)
    except DatasetError as error:
        raise ConfigurationError(str(error), code="configuration.dataset") from error
    events = Counter(event.event_class for recording in found.recordings for event in recording.events)
    modalities = Counter(modality.value for recording in found.recordings for modality in recording.modalities)
    told = {
        "recordings": len(found.recordings),
        "without_events": sum(not recording.events for recording in found.recordings),
        "minutes": round(sum(recording.duration_ms for recording in found.recordings) / 60_000, 2),
        "with_modality": dict(modalities),
        "events": {name: events[name] for name in found.classes},
    }
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"{told['recordings']} recordings, {told['minutes']} minutes, {told['without_events']} without events")
    typer.echo(", ".join(f"{count} with {name}" for name, count in modalities.items()))
    for name in found.classes:
        typer.echo(f"  {name}: {events[name]} events")


@dataset.command()
def convert(
    folder: Annotated[Path, typer.Argument(help="Folder of recordings; labels.tsv is written into it.")],
    csv: Annotated[
        Path | None, typer.Option(help="Table of events. Without it, label tracks of Audacity (.txt) are read.")
    ] = None,
    file_column: Annotated[str, typer.Option(help="Title of the column with names of recordings.")] = "filename",
    start_column: Annotated[str, typer.Option(help="Of the column with starts.")] = "onset",
    end_column: Annotated[str, typer.Option(help="Of the column with ends.")] = "offset",
    class_column: Annotated[str, typer.Option(help="Of the column with classes.")] = "event_label",
    delimiter: Annotated[str, typer.Option(help="What divides the columns, such as ; or tab.")] = ",",
    milliseconds: Annotated[bool, typer.Option("--milliseconds", help="Times are milliseconds, not seconds.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a labels.tsv that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make labels.tsv from a CSV table, or from label tracks that Audacity exported beside the recordings."""
    from processors.datasets.conversion import CsvColumns, read_audacity_labels, read_csv_labels
    from processors.datasets.recordings import LABELS_NAME, write_labels
    from processors.errors import DatasetError

    divider = "\t" if delimiter == "tab" else delimiter
    if len(divider) != 1:
        raise typer.BadParameter(f"--delimiter is {delimiter!r}; expected one character, or tab")
    target = folder / LABELS_NAME
    if target.exists() and not replace:
        raise ConfigurationError(
            f"{target} is there already; use --replace, or move it away", code="configuration.dataset"
        )
    try:
        if csv is None:
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
