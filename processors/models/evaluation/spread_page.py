"""Figures over several seeds on a page: a table and a plot of each."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from processors.models.evaluation.page import render_page
from processors.models.evaluation.spread import Spread
from processors.models.evaluation.svg import as_svg, canvas

__all__ = ["SpreadTables", "render_spreads"]

SpreadTables = Mapping[str, Mapping[str, Mapping[str, Spread]]]
"""Figure -> what was asked -> who answered -> the figure of each seed; all rows of a figure have the same columns."""

_BODY: Final = """\
{% for figure, rows in tables.items() %}<h2>{{ figure }}</h2>
<table>
  <tr><th></th>{% for name in rows.values()|first %}<th>{{ name }}</th>{% endfor %}</tr>
{% for name, cells in rows.items() %}  <tr><td>{{ name }}</td>
{% for spread in cells.values() %}    <td>{{ spread.as_share() }}</td>
{% endfor %}  </tr>
{% endfor %}</table>
<div class="plots"><figure>{{ plots[figure] }}<figcaption>{{ figure }}, mean and standard deviation over the
seeds</figcaption></figure></div>
{% endfor %}"""

_BAR: Final = 0.8
"""So much of a row's height do its bars take."""


def render_spreads(title: str, tables: SpreadTables, facts: Mapping[str, str]) -> str:
    """One page about one evaluation.

    Args:
        title: of the page.
        tables: what was found.
        facts: what else a reader needs to take it again; shown in this order.
    """
    plots = {figure: _draw(figure, rows) for figure, rows in tables.items()}
    return render_page(title, facts, _BODY, {"tables": tables, "plots": plots})


def _draw(label: str, rows: Mapping[str, Mapping[str, Spread]]) -> Markup:
    columns = list(next(iter(rows.values())))
    height = _BAR / len(columns)
    figure, axes = canvas(7.0, 1.2 + 0.25 * len(rows) * (1 + len(columns)))
    for place, column in enumerate(columns):
        spreads = [cells[column] for cells in rows.values()]
        axes.barh(
            [row + (place + 0.5) * height - _BAR / 2 for row in range(len(rows))],
            [each.mean for each in spreads],
            height,
            xerr=[each.deviation for each in spreads],
            capsize=2,
            label=column,
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set(xlabel=label)
    figure.legend(loc="outside upper center", frameon=False)
    return as_svg(figure)
