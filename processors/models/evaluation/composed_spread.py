"""Composed streams of several seeds: mean and standard deviation of every figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from processors.models.evaluation.composed_report import ComposedReport, LeftOut, Loss
from processors.models.evaluation.events import EventScores
from processors.models.evaluation.spread import Spread

__all__ = ["ComposedSpread", "Row"]

_NOT_SPREAD: Final = frozenset({"seed", "streams", "stream_s", "snr_db", "best_single", "scores"})


class Row(NamedTuple):
    """F1 of what was asked.

    Attributes:
        name: of it.
        segment: F1 of segments.
        event: F1 of events.
    """

    name: str
    segment: Spread
    event: Spread


@dataclass(frozen=True, slots=True)
class ComposedSpread:
    """Reports of the same model on other streams.

    Attributes:
        reports: one for each seed.
    """

    reports: tuple[ComposedReport, ...]

    @property
    def segment_f1(self) -> Spread:
        """With all modalities, at 10 dB."""
        return self._over(lambda report: report.scores.segment.f1)

    @property
    def event_f1(self) -> Spread:
        """With all modalities, at 10 dB."""
        return self._over(lambda report: report.scores.event.f1)

    @property
    def top_calibration_error(self) -> Spread:
        """Of each moment's most probable class."""
        return self._over(lambda report: report.top_calibration_error)

    @property
    def calibration_error(self) -> Spread:
        """Of every statement."""
        return self._over(lambda report: report.calibration_error)

    @property
    def snrs_db(self) -> tuple[float, ...]:
        """Ratios of signal to noise."""
        return tuple(self.reports[0].by_snr)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Each alone, and each left out."""
        return tuple(self.reports[0].alone_by_snr)

    def by_snr(self, modality: str | None = None) -> list[Row]:
        """A row for each ratio.

        Args:
            modality: alone; None for all.
        """
        by_snr = [each.alone_by_snr[modality] if modality else each.by_snr for each in self.reports]
        return [_row(f"{snr_db:g}", [scores[snr_db] for scores in by_snr]) for snr_db in self.snrs_db]

    def views(self) -> list[Row]:
        """A row for all modalities, for each alone and for each left out, at 10 dB."""
        rows = [_row("all", [each.scores for each in self.reports])]
        rows += [_row(f"{name} alone", [each.alone[name] for each in self.reports]) for name in self.modalities]
        left_out = {name: [each.left_out[name].scores for each in self.reports] for name in self.modalities}
        return rows + [_row(f"without {name}", scores) for name, scores in left_out.items()]

    def classes(self) -> list[Row]:
        """A row for each class, with all modalities, at 10 dB."""
        return [
            Row(
                name,
                Spread.of([each.scores.segment.per_class[name].f1 for each in self.reports]),
                Spread.of([each.scores.event.per_class[name].f1 for each in self.reports]),
            )
            for name in self.reports[0].scores.segment.per_class
        ]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: every figure over the seeds, and each seed's own document."""
        runs = [report.as_json() for report in self.reports]
        classes = {
            name: {"segment_f1": segment.as_json(), "event_f1": event.as_json()}
            for name, segment, event in self.classes()
        }
        first = runs[0]
        return {
            "seeds": [report.seed for report in self.reports],
            **{key: first[key] for key in ("streams", "stream_s", "snr_db")},
            "over_seeds": {
                **_spread([{key: value for key, value in run.items() if key not in _NOT_SPREAD} for run in runs]),
                "classes": classes,
            },
            "runs": runs,
        }

    def as_markdown(self) -> str:
        """Tables of means and standard deviations: the headline by seed, the ratios, the modalities, the classes."""
        headlines = {
            "segment F1, 10 dB": self.segment_f1,
            "event F1, 10 dB": self.event_f1,
            "calibration error of each moment's most probable class": self.top_calibration_error,
            "calibration error over every statement": self.calibration_error,
        }
        lines = [f"| | {' | '.join(f'seed {report.seed}' for report in self.reports)} | mean ± standard deviation |"]
        lines += ["|---" * (len(self.reports) + 2) + "|"]
        for name, spread in headlines.items():
            lines.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in spread.values)} | {spread.as_share()} |")
        lines += ["", "| signal to noise, dB | segment F1 | event F1 |", "|---|---|---|", *map(_cells, self.by_snr())]
        lost = "lost where both others carry | the same, strictly | where one does"
        lines += ["", f"| modalities, 10 dB | segment F1 | event F1 | {lost} |", "|---" * 6 + "|"]
        losses = {f"without {name}": self._losses(name) for name in self.modalities}
        lines += [f"{_cells(row)} {losses.get(row.name, '| | ')} |" for row in self.views()]
        lines += ["", "Lost: points of F1, of segments and of events, with all modalities less without the one."]
        lines += ["", "| class | segment F1 | event F1 |", "|---|---|---|", *map(_cells, self.classes())]
        return "\n".join(lines) + "\n"

    def _losses(self, modality: str) -> str:
        kinds: tuple[Callable[[LeftOut], Loss], ...] = (
            lambda each: each.others,
            lambda each: each.others_strictly,
            lambda each: each.another,
        )
        cells = []
        for kind in kinds:
            losses = [kind(report.left_out[modality]) for report in self.reports]
            spreads = (Spread.of([loss.segment for loss in losses]), Spread.of([loss.event for loss in losses]))
            cells.append(", ".join(spread.as_percent() for spread in spreads))
        return " | ".join(cells)

    def _over(self, find: Callable[[ComposedReport], float]) -> Spread:
        return Spread.of([find(report) for report in self.reports])


def _row(name: str, scores: Sequence[EventScores]) -> Row:
    """From the scores of each seed."""
    return Row(name, Spread.of([each.segment.f1 for each in scores]), Spread.of([each.event.f1 for each in scores]))


def _cells(row: Row) -> str:
    name, segment, event = row
    return f"| {name} | {segment.as_share()} | {event.as_share()} |"


def _spread(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same tree, with the spread of each number in its place."""
    spread: dict[str, Any] = {}
    for key, value in documents[0].items():
        values = [document[key] for document in documents]
        spread[key] = _spread(values) if isinstance(value, dict) else Spread.of(values).as_json()
    return spread
