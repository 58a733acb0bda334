"""The report of an evaluation as one HTML page: tables, and plots inside it, so that it can be sent on as it is."""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from processors.models.evaluation.classification import ClassificationReport, ReliabilityBin
from processors.models.evaluation.confusion import NONE, Confusion
from processors.models.evaluation.page import render_page
from processors.models.evaluation.svg import as_svg, canvas

__all__ = ["draw_confusion", "draw_reliability", "render_html"]

_BODY: Final = """\
<h2>Classes</h2>
<table>
  <tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>examples</th></tr>
{% for name, figures in report.classes.items() %}  <tr><td>{{ name }}</td>
    <td>{{ "%.3f"|format(figures.precision) }}</td><td>{{ "%.3f"|format(figures.recall) }}</td>
    <td>{{ "%.3f"|format(figures.f1) }}</td><td>{{ figures.support }}</td></tr>
{% endfor %}</table>
<h2>Plots</h2>
<div class="plots">
<figure>{{ confusion }}<figcaption>Which class was taken for which</figcaption></figure>
<figure>{{ reliability }}<figcaption>What was stated against what came true; the line is perfect</figcaption></figure>
</div>"""

_BLUE: Final = "#0550ae"


def render_html(title: str, report: ClassificationReport, facts: Mapping[str, str]) -> str:
    """One page about one evaluation.

    Args:
        title: of the page.
        report: what was found.
        facts: what else a reader needs to take it again: data, seeds, model; shown in this order.
    """
    figures = {
        "accuracy": f"{100 * report.accuracy:.1f} %",
        "mean F1 of the classes": f"{report.macro_f1:.3f}",
        "expected calibration error": f"{report.calibration_error:.3f}",
    }
    values = {
        "report": report,
        "confusion": draw_confusion(list(report.classes), report.confusion),
        "reliability": draw_reliability(report.reliability),
    }
    return render_page(title, {**facts, **figures}, _BODY, values)


def draw_confusion(names: Sequence[str], confusion: Confusion) -> Markup:
    """Which class was taken for which, as SVG.

    Args:
        names: of rows and columns.
        confusion: by true and told class.
    """
    side = 2.0 + 0.45 * len(names)
    figure, axes = canvas(side, side)
    counted = [
        count
        for row, counts in zip(names, confusion, strict=True)
        for column, count in zip(names, counts, strict=True)
        # Examples of nothing may be far more than all others, and would leave these without a shade.
        if (row, column) != (NONE, NONE)
    ]
    most = max(1, *counted)
    axes.imshow(confusion, cmap="Blues", vmin=0, vmax=most)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="answer", ylabel="truth")
    for row, counts in enumerate(confusion):
        for column, count in enumerate(counts):
            if count:
                shade = "white" if count > most / 2 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=shade)
    return as_svg(figure)


def draw_reliability(bins: Sequence[ReliabilityBin]) -> Markup:
    """What was stated against what came true, as SVG."""
    figure, axes = canvas(4.5, 4.5)
    axes.plot([0, 1], [0, 1], color="#8c959f", linewidth=1)
    count = sum(entry.count for entry in bins)
    axes.scatter(
        [entry.stated for entry in bins],
        [entry.true for entry in bins],
        [20 + 400 * entry.count / count for entry in bins],
        color=_BLUE,
        alpha=0.7,
    )
    axes.set(xlabel="stated probability", ylabel="share that came true", xlim=(0, 1.03), ylim=(-0.03, 1.03))
    return as_svg(figure)
