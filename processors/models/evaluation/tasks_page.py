"""The report of a model with one or more tasks as one HTML page."""

from collections.abc import Iterator, Mapping
from typing import Final

from markupsafe import Markup

from processors.models.evaluation.classification import ClassificationReport
from processors.models.evaluation.confusion import NONE
from processors.models.evaluation.html import draw_confusion, draw_reliability
from processors.models.evaluation.multilabel import MultilabelReport
from processors.models.evaluation.page import render_page

__all__ = ["TaskReport", "render_tasks"]

TaskReport = ClassificationReport | MultilabelReport

_BODY: Final = """\
{% for task, report in told.items() %}<h2>{{ task }}</h2>
<table>
{% for name, value in report.items() if value is float %}  <tr><td>{{ name|replace("_", " ") }}</td>
    <td>{{ "%.3f"|format(value) }}</td></tr>
{% endfor %}</table>
<table>
  <tr><th>class</th>
{% for name in report.classes.values()|first %}    <th>{{ name|replace("_", " ") }}</th>
{% endfor %}  </tr>
{% for name, figures in report.classes.items() %}  <tr><td>{{ name }}</td>
{% for value in figures.values() %}    <td>{{ "%.3f"|format(value) if value is float else value }}</td>
{% endfor %}  </tr>
{% endfor %}</table>
<div class="plots">
{% for plot, caption in plots[task] %}<figure>{{ plot }}<figcaption>{{ caption }}</figcaption></figure>
{% endfor %}</div>
{% endfor %}"""


def render_tasks(title: str, reports: Mapping[str, TaskReport], facts: Mapping[str, str]) -> str:
    """One page about one model.

    Args:
        title: of the page.
        reports: task -> what was found.
        facts: what else a reader needs to take it again; shown in this order.
    """
    values = {
        "told": {task: report.as_json() for task, report in reports.items()},
        "plots": {task: list(_plots(report)) for task, report in reports.items()},
    }
    return render_page(title, facts, _BODY, values)


def _plots(report: TaskReport) -> Iterator[tuple[Markup, str]]:
    """Each with its caption."""
    yield draw_reliability(report.reliability), "What was stated against what came true; the line is perfect"
    names = [*report.classes, NONE] if isinstance(report, MultilabelReport) else list(report.classes)
    yield draw_confusion(names, report.confusion), "Which class was taken for which"
