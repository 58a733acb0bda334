"""What smaller and faster versions of a model cost and gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from processors.models.compression.speed import Speed
from processors.models.evaluation.page import render_page
from processors.models.evaluation.svg import as_svg, canvas

__all__ = ["ExportReport", "Variant", "render_report"]

_BODY: Final = """\
{% for heading, titles, rows in tables %}<h2>{{ heading }}</h2>
<table>
  <tr>{% for title in titles %}<th>{{ title }}</th>{% endfor %}</tr>
{% for row in rows %}  <tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endfor %}<div class="plots">
<figure>{{ plot }}<figcaption>Speed and quality; bars hold the middle half of the rounds</figcaption></figure>
</div>"""


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of a model.

    Attributes:
        name: `fp32`, `int8`, `pruned` and so on; its folder.
        size_bytes: of the ONNX file.
        parameters: of the network before quantisation.
        quality: figure -> value, the same figures for each variant; the first is the one that matters most.
        classes: class -> figure -> value; may be empty.
        speed: beside the first variant.
    """

    name: str
    size_bytes: int
    parameters: int
    quality: Mapping[str, float]
    classes: Mapping[str, Mapping[str, float]]
    speed: Speed


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The versions of one model.

    Attributes:
        model: its name in the repository.
        facts: what a reader needs to take the figures again.
        variants: the first is what the others are compared with.
    """

    model: str
    facts: Mapping[str, str]
    variants: Sequence[Variant]

    def as_json(self) -> dict[str, Any]:
        """For `--json` and `report.json`."""
        base = self.variants[0]
        return {
            "model": self.model,
            "facts": dict(self.facts),
            "variants": {
                variant.name: {
                    "bytes": variant.size_bytes,
                    "parameters": variant.parameters,
                    **{name: round(value, 5) for name, value in variant.quality.items()},
                    "lost": {name: round(base.quality[name] - value, 5) for name, value in variant.quality.items()},
                    "classes": {
                        name: {figure: round(value, 5) for figure, value in figures.items()}
                        for name, figures in variant.classes.items()
                    },
                    **variant.speed.as_json(),
                }
                for variant in self.variants
            },
        }

    def as_markdown(self) -> str:
        """The tables, with the facts above them."""
        lines = [f"# {self.model}: smaller and faster versions", ""]
        lines += [f"- {name}: {value}" for name, value in self.facts.items()]
        for heading, titles, rows in self.tables():
            lines += ["", f"## {heading}", "", _row(titles), "|---" * len(titles) + "|", *map(_row, rows)]
        return "\n".join(lines) + "\n"

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Heading, titles of the columns, and rows of cells."""
        base = self.variants[0]
        figures = list(base.quality)
        titles = [
            "version",
            *(name.replace("_", " ") for name in figures),
            "times as fast",
            "items/s",
            "MB",
            "parameters",
        ]
        rows = []
        for variant in self.variants:
            low, middle, high = np.quantile(variant.speed.ratios, (0.25, 0.5, 0.75))
            rows.append(
                [
                    variant.name,
                    *(_compared(variant.quality[name], base.quality[name], variant is base) for name in figures),
                    "1" if variant is base else f"{middle:.2f} ({low:.2f} to {high:.2f})",
                    f"{np.median(variant.speed.per_second):.0f}",
                    f"{variant.size_bytes / 1e6:.2f}",
                    f"{variant.parameters:,}",
                ]
            )
        tables = [("Versions", titles, rows)]
        if base.classes:
            names = list(next(iter(base.classes.values())))
            titles = ["class", *(f"{each.name}, {name.replace('_', ' ')}" for each in self.variants for name in names)]
            rows = [
                [event_class] + [f"{each.classes[event_class][name]:.3f}" for each in self.variants for name in names]
                for event_class in base.classes
            ]
            tables.append(("Classes", titles, rows))
        return tables


def render_report(report: ExportReport) -> str:
    """The report as one HTML page."""
    title = f"{report.model}: smaller and faster versions"
    return render_page(title, report.facts, _BODY, {"tables": report.tables(), "plot": _draw(report)})


def _compared(value: float, usual: float, is_base: bool) -> str:  # noqa: FBT001 - one caller, above
    return f"{value:.4f}" if is_base else f"{value:.4f} ({value - usual:+.4f})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _draw(report: ExportReport) -> Markup:
    figure, axes = canvas(6.0, 4.0)
    name = next(iter(report.variants[0].quality))
    for variant in report.variants:
        low, middle, high = np.quantile(variant.speed.ratios, (0.25, 0.5, 0.75))
        quality = variant.quality[name]
        axes.errorbar(middle, quality, xerr=[[middle - low], [high - middle]], fmt="o", label=variant.name)
    axes.set(xlabel="times as fast as the first", ylabel=name.replace("_", " "))
    axes.legend()
    return as_svg(figure)
