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
