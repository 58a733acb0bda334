"""The report of composed streams as one HTML page, of one seed or of several."""

from collections.abc import Mapping
from typing import Final, Literal

from markupsafe import Markup

from processors.models.evaluation.composed_spread import ComposedSpread, Row
from processors.models.evaluation.events_page import EVENT_COLOUR, SEGMENT_COLOUR, draw_bars
from processors.models.evaluation.html import draw_reliability
from processors.models.evaluation.page import render_page
from processors.models.evaluation.svg import as_svg, canvas

__all__ = ["render_composed"]

_BODY: Final = """\
{% for title, rows in tables.items() %}<h2>{{ title }}</h2>
<table>
  <tr><th></th><th>segment F1</th><th>event F1</th></tr>
{% for name, segment, event in rows %}  <tr><td>{{ name }}</td>
    <td>{{ segment.as_share() }}</td><td>{{ event.as_share() }}</td></tr>
{% endfor %}</table>
<div class="plots">
{% for plot, caption in plots[title] %}<figure>{{ plot }}<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}</div>
{% endfor %}<h2>Calibration</h2>
<div class="plots">
<figure>{{ reliability }}<figcaption>What was stated of each moment's most probable class against what came true; the
line is perfect</figcaption></figure>
</div>"""

_COLOURS: Final = {"all": "#1b1f24", "video": "#0550ae", "audio": "#bc4c00", "transcript": "#1a7f37"}


def render_composed(spread: ComposedSpread, facts: Mapping[str, str]) -> str:
    """One page about the model of composed streams.

    Args:
        spread: what was found, of one seed or of several.
        facts: what else a reader needs to take it again; shown in this order.
    """
    seeds = ", ".join(str(report.seed) for report in spread.reports)
    figures = {
        "seeds": f"{seeds}: mean ± standard deviation" if len(spread.reports) > 1 else seeds,
        "segment F1 (1 s), 10 dB": spread.segment_f1.as_share(),
        "event F1 (1 s collar), 10 dB": spread.event_f1.as_share(),
        "calibration error of each moment's most probable class": spread.top_calibration_error.as_share(),
        "calibration error over every statement": spread.calibration_error.as_share(),
    }
    views, classes = list(spread.views()), spread.classes()
    ratios, kinds, names = "By ratio of signal to noise, dB", "By modalities, 10 dB", "By class, 10 dB"
    values = {
        "tables": {ratios: spread.by_snr(), kinds: views, names: classes},
        "plots": {
            ratios: [
                (_draw_ratios(spread, "segment"), "Segments, with all modalities and with each alone"),
                (_draw_ratios(spread, "event"), "Events, with all modalities and with each alone"),
            ],
            kinds: [(_draw_rows(views), "With all modalities, with each alone and with each left out")],
            names: [(_draw_rows(classes), "F1 of each class")],
        },
        "reliability": draw_reliability([entry for report in spread.reports for entry in report.top_reliability]),
    }
    return render_page("Composed streams", {**facts, **figures}, _BODY, values)


def _draw_ratios(spread: ComposedSpread, kind: Literal["segment", "event"]) -> Markup:
    """F1 over the ratios, with bars of a standard deviation where there are several seeds."""
    figure, axes = canvas(5.5, 4.0)
    lines: dict[str, list[Row]] = {"all": spread.by_snr()}
    lines |= {modality: spread.by_snr(modality) for modality in spread.modalities}
    for name, rows in lines.items():
        spreads = [row.segment if kind == "segment" else row.event for row in rows]
        axes.errorbar(
            spread.snrs_db,
            [each.mean for each in spreads],
            [each.deviation for each in spreads] if len(spread.reports) > 1 else None,
            color=_COLOURS.get(name),
            label="all modalities" if name == "all" else f"{name} alone",
            marker="o",
            markersize=4,
            capsize=3,
        )
    axes.set(xlabel="signal to noise, dB", ylabel=f"{kind} F1", ylim=(0, 1.03))
    axes.set_xticks(spread.snrs_db)
    axes.grid(visible=True, color="#d0d7de", linewidth=0.5)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return as_svg(figure)


def _draw_rows(rows: list[Row]) -> Markup:
    return draw_bars(
        [name for name, _, _ in rows],
        {
            ("segments", SEGMENT_COLOUR): [segment.mean for _, segment, _ in rows],
            ("events", EVENT_COLOUR): [event.mean for _, _, event in rows],
        },
    )
