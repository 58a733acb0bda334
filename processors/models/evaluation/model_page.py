"""The report of a fusion model as one HTML page."""

from collections.abc import Iterator, Mapping
from typing import Final

from markupsafe import Markup

from processors.models.evaluation.confusion import NONE
from processors.models.evaluation.events_page import EVENTS_BODY, describe_events
from processors.models.evaluation.html import draw_confusion, draw_reliability
from processors.models.evaluation.model_report import ModelReport, TaskReport
from processors.models.evaluation.multilabel import MultilabelReport
from processors.models.evaluation.page import render_page

__all__ = ["render_model"]

_TASKS: Final = """\
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

_MODALITIES: Final = """\
<h2>Modalities</h2>
<table>
  <tr><th>mean F1 of the classes by what is there</th>{% for task in told %}<th>{{ task }}</th>{% endfor %}</tr>
{% for name, figures in views.items() %}  <tr><td>{{ name }}</td>
{% for value in figures.values() %}    <td>{{ "%.3f"|format(value) }}</td>
{% endfor %}  </tr>
{% endfor %}</table>"""

_BODY: Final = _TASKS + "{% if events %}" + EVENTS_BODY + "{% endif %}" + _MODALITIES


def render_model(title: str, report: ModelReport, facts: Mapping[str, str]) -> str:
    """One page about one model.

    Args:
        title: of the page.
        report: what was found.
        facts: what else a reader needs to take it again; shown in this order.
    """
    values = {
        "told": {task: each.as_json() for task, each in report.tasks.items()},
        "plots": {task: list(_plots(each)) for task, each in report.tasks.items()},
        "events": None if report.events is None else describe_events(report.events),
        "views": report.views,
    }
    return render_page(title, facts, _BODY, values)


def _plots(report: TaskReport) -> Iterator[tuple[Markup, str]]:
    """Each with its caption."""
    yield draw_reliability(report.reliability), "What was stated against what came true; the line is perfect"
    names = [*report.classes, NONE] if isinstance(report, MultilabelReport) else list(report.classes)
    yield draw_confusion(names, report.confusion), "Which class was taken for which"
