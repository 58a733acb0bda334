"""The frame of all HTML reports: head, style, title and facts; what stands below them is each report's own."""

from collections.abc import Mapping
from typing import Final

from jinja2 import DictLoader, Environment

__all__ = ["render_page"]

_FRAME: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  table { border-collapse: collapse; margin: 1rem 0 }
  th, td { padding: .25rem .75rem; border-bottom: 1px solid #d0d7de; text-align: right }
  th:first-child, td:first-child { text-align: left }
  .plots { display: flex; flex-wrap: wrap; gap: 1rem } .plots svg { max-width: 100%; height: auto }
</style>
<h1>{{ title }}</h1>
<table>
{% for name, value in facts.items() %}  <tr><td>{{ name }}</td><td>{{ value }}</td></tr>
{% endfor %}</table>
{% include "body" %}
</html>
"""


def render_page(title: str, facts: Mapping[str, str], body: str, values: Mapping[str, object]) -> str:
    """One page; everything is escaped but what is marked as safe.

    Args:
        title: of the page.
        facts: shown first, in this order.
        body: Jinja template of what follows.
        values: what it is filled with.
    """
    pages = Environment(autoescape=True, loader=DictLoader({"frame": _FRAME, "body": body}))
    return pages.get_template("frame").render(values, title=title, facts=facts)
