"""`braid evaluate events`: how well a table of told events agrees with a table of true ones."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.terminal import print_markdown

__all__ = ["evaluate_events"]


def evaluate_events(
    truth: Annotated[Path, typer.Option(help="Table of what happens, as labels.tsv (docs/how-to/data-sets.md).")],
    told: Annotated[Path, typer.Option(help="Table of what was told, in the same form.")],
    segment: Annotated[float, typer.Option(min=0.001, help="Length of a segment in seconds.")] = 1.0,
    collar: Annotated[float, typer.Option(min=0.0, help="Seconds that an event may begin too early or late.")] = 1.0,
    is_json: JsonOption = False,
) -> None:
    """Score told events by segment and by event: F1, precision and recall, in all and per class.

    An event may end as far away as the collar, or half its length if that is more. Each told event counts for at most
    one true event.
    """
    with mapped_errors():
        from processors.datasets.recordings import read_events
        from processors.models.evaluation.events import score_events

        true_events, told_events = read_events(truth), read_events(told)
        both = [*true_events.items(), *told_events.items()]
        # What lies after the last event of both tables counts for neither.
        durations_ms = {name: 0 for name, _ in both}
        for name, events in both:
            durations_ms[name] = max(durations_ms[name], *(event.end_ms for event in events))
        scores = score_events(
            true_events,
            told_events,
            durations_ms,
            classes=sorted({event.event_class for _, events in both for event in events}),
            segment_ms=round(segment * 1000),
            collar_ms=round(collar * 1000),
        )
    if is_json:
        typer.echo(json.dumps({"truth": str(truth), "told": str(told), **scores.as_json()}))
    else:
        print_markdown(scores.as_markdown())
