"""Segment-based and event-based figures on a page: tables, and a plot of the classes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processors.models.evaluation.events import EventScores
from processors.models.evaluation.page import render_page
from processors.models.evaluation.svg import as_svg, canvas

__all__ = ["EVENTS_BODY", "EVENT_COLOUR", "SEGMENT_COLOUR", "describe_events", "draw_bars", "render_events"]

EVENTS_BODY: Final = """\
<h2>Events and their times</h2>
{% for name, figures in events.kinds.items() %}<h3>{{ name }}</h3>
<table>
  <tr><th>class</th><th>F1</th><th>precision</th><th>recall</th><th>true</th><th>told</th><th>hits</th></tr>
{% for class, counts in figures.per_class.items() %}  <tr><td>{{ class }}</td>
    <td>{{ "%.3f"|format(counts.f1) }}</td><td>{{ "%.3f"|format(counts.precision) }}</td>
    <td>{{ "%.3f"|format(counts.recall) }}</td>
    <td>{{ counts.true }}</td><td>{{ counts.told }}</td><td>{{ counts.hits }}</td></tr>
{% endfor %}  <tr><td>all</td>
    <td>{{ "%.3f"|format(figures.f1) }}</td><td>{{ "%.3f"|format(figures.precision) }}</td>
    <td>{{ "%.3f"|format(figures.recall) }}</td>
    <td>{{ figures.overall.true }}</td><td>{{ figures.overall.told }}</td><td>{{ figures.overall.hits }}</td></tr>
  <tr><td>mean of the classes</td>
    <td>{{ "%.3f"|format(figures.macro_f1) }}</td><td>{{ "%.3f"|format(figures.macro_precision) }}</td>
    <td>{{ "%.3f"|format(figures.macro_recall) }}</td><td></td><td></td><td></td></tr>
</table>
{% endfor %}<div class="plots">
<figure>{{ events.plot }}<figcaption>F1 of each class</figcaption></figure>
</div>
"""
"""Template; `events` is what `describe_events` gives."""

SEGMENT_COLOUR: Final = "#0550ae"
EVENT_COLOUR: Final = "#bc4c00"

_BAR: Final = 0.38


def render_events(title: str, scores: EventScores, facts: Mapping[str, str]) -> str:
    """One page about how well events were told.

    Args:
        title: of the page.
        scores: what was found.
        facts: what else a reader needs to take it again; shown in this order.
    """
    return render_page(title, facts, EVENTS_BODY, {"events": describe_events(scores)})


def describe_events(scores: EventScores) -> dict[str, Any]:
    """What `EVENTS_BODY` is filled with."""
    kinds = {
        f"Segments of {scores.segment_ms / 1000:g} s": scores.segment,
        f"Events, collar {scores.collar_ms / 1000:g} s": scores.event,
    }
    return {"kinds": kinds, "plot": _draw(scores)}


def draw_bars(names: Sequence[str], kinds: Mapping[tuple[str, str], Sequence[float]]) -> Markup:
    """F1 of two kinds as bars beside each other, as SVG.

    Args:
        names: of the rows, from above.
        kinds: label and colour -> F1 of each row.
    """
    figure, axes = canvas(6.0, 1.2 + 0.45 * len(names))
    for place, ((label, colour), values) in enumerate(kinds.items()):
        rows = [row + (place - 0.5) * _BAR for row in range(len(names))]
        bars = axes.barh(rows, values, _BAR, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=2, fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="F1", xlim=(0, 1.12))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return as_svg(figure)


def _draw(scores: EventScores) -> Markup:
    """F1 of each class, and of all together."""
    kinds = {("segments", SEGMENT_COLOUR): scores.segment, ("events", EVENT_COLOUR): scores.event}
    return draw_bars(
        [*scores.segment.per_class, "all"],
        {kind: [*(counts.f1 for counts in figures.per_class.values()), figures.f1] for kind, figures in kinds.items()},
    )
