"""Plots that stand inside a page."""

import io

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["as_svg", "canvas"]


def canvas(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """A figure of one plot."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots()


def as_svg(figure: Figure) -> Markup:
    """The figure as an element of a page."""
    buffer = io.StringIO()
    # A salt of its own: the same figures make the same page.
    with rc_context({"svg.hashsalt": "braid"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    drawn = buffer.getvalue()
    return Markup(drawn[drawn.index("<svg") :])  # noqa: S704 - made here, and matplotlib escapes every text
