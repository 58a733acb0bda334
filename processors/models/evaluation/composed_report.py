"""What is reported of composed streams: one seed's figures, as JSON and tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from processors.models.evaluation.classification import ReliabilityBin, calibration_error
from processors.models.evaluation.events import EventScores

__all__ = ["HEADLINE_DB", "ComposedReport", "LeftOut", "Loss"]

HEADLINE_DB: Final = 10.0
"""Ratio of signal to noise of all figures that are not over ratios."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is lost without a modality.

    Attributes:
        scores: without it, over all events.
        others: what is lost of the events that both other modalities carry.
        others_strictly: the same, if what is told at events of the rest counts as false.
        another: what is lost of the events that at least one other carries.
    """

    scores: EventScores
    others: "Loss"
    others_strictly: "Loss"
    another: "Loss"

    def as_json(self) -> dict[str, Any]:
        """For `--json`; losses in points of a hundred."""
        return {
            **_brief(self.scores),
            "loss_where_others_carry": round(100 * self.others.segment, 2),
            "event_loss_where_others_carry": round(100 * self.others.event, 2),
            "events_that_others_carry": self.others.events,
            "strict_loss_where_others_carry": round(100 * self.others_strictly.segment, 2),
            "strict_event_loss_where_others_carry": round(100 * self.others_strictly.event, 2),
            "loss_where_another_carries": round(100 * self.another.segment, 2),
            "event_loss_where_another_carries": round(100 * self.another.event, 2),
            "events_that_another_carries": self.another.events,
        }


@dataclass(frozen=True, slots=True)
class Loss:
    """F1 with all modalities less F1 without one, over some of the events.

    Attributes:
        segment: of segments.
        event: of whole events.
        events: how many those are.
    """

    segment: float
    event: float
    events: int

    def as_points(self) -> str:
        """For tables."""
        return f"{100 * self.segment:.1f}, {100 * self.event:.1f}"


@dataclass(frozen=True, slots=True)
class ComposedReport:
    """Figures of one seed.

    Attributes:
        seed: of the streams.
        streams: how many.
        stream_s: how long each is.
        by_snr: ratio in decibels -> scores with all modalities.
        alone_by_snr: modality -> the same with it alone.
        left_out: modality -> what is lost without it, at 10 dB.
        top_reliability: what was stated of each moment's most probable class, at 10 dB.
        reliability: every statement about a class and a moment, at 10 dB.
    """

    seed: int
    streams: int
    stream_s: float
    by_snr: Mapping[float, EventScores]
    alone_by_snr: Mapping[str, Mapping[float, EventScores]]
    left_out: Mapping[str, LeftOut]
    top_reliability: tuple[ReliabilityBin, ...]
    reliability: tuple[ReliabilityBin, ...]

    @property
    def scores(self) -> EventScores:
        """With all modalities, at 10 dB."""
        return self.by_snr[HEADLINE_DB]

    @property
    def alone(self) -> dict[str, EventScores]:
        """With each modality alone, at 10 dB."""
        return {name: scores[HEADLINE_DB] for name, scores in self.alone_by_snr.items()}

    @property
    def top_calibration_error(self) -> float:
        """Expected calibration error over each moment's most probable class."""
        return calibration_error(self.top_reliability)

    @property
    def calibration_error(self) -> float:
        """The same over every statement; most are a clear no, so it is kind."""
        return calibration_error(self.reliability)

    @property
    def best_single(self) -> str:
        """The modality that does best alone, by segments."""
        return max(self.alone, key=lambda name: self.alone[name].segment.f1)

    def as_json(self) -> dict[str, Any]:
        """For `--json`: shares rounded to four digits, differences in points of a hundred to two."""
        best = self.alone[self.best_single]
        return {
            "seed": self.seed,
            "streams": self.streams,
            "stream_s": self.stream_s,
            "snr_db": HEADLINE_DB,
            "segment_f1": round(self.scores.segment.f1, 4),
            "event_f1": round(self.scores.event.f1, 4),
            "expected_calibration_error": round(self.calibration_error, 4),
            "expected_calibration_error_of_most_probable": round(self.top_calibration_error, 4),
            "scores": self.scores.as_json(),
            "snr": {
                f"{snr_db:g}": {
                    **_brief(scores),
                    "alone": {name: _brief(alone[snr_db]) for name, alone in self.alone_by_snr.items()},
                }
                for snr_db, scores in self.by_snr.items()
            },
            "alone": {name: _brief(scores) for name, scores in self.alone.items()},
            "best_single": self.best_single,
            "fused_minus_best_single": round(100 * (self.scores.segment.f1 - best.segment.f1), 2),
            "fused_minus_best_single_event": round(100 * (self.scores.event.f1 - best.event.f1), 2),
            "left_out": {name: each.as_json() for name, each in self.left_out.items()},
        }

    def as_markdown(self) -> str:
        """Tables: the ratios, the modalities, the classes."""
        lines = ["| signal to noise, dB | segment F1 | event F1 |", "|---|---|---|"]
        lines += [f"| {snr:g} | {_cells(scores)} |" for snr, scores in self.by_snr.items()]
        lost = "lost where both others carry | the same, strictly | where one does"
        lines += ["", f"| modalities, 10 dB | segment F1 | event F1 | {lost} |"]
        lines += ["|---|---|---|---|---|---|", f"| all | {_cells(self.scores)} | | | |"]
        lines += [f"| {name} alone | {_cells(scores)} | | | |" for name, scores in self.alone.items()]
        lines += [
            f"| without {name} | {_cells(each.scores)} | {each.others.as_points()} | "
            f"{each.others_strictly.as_points()} | {each.another.as_points()} |"
            for name, each in self.left_out.items()
        ]
        lines += ["", "Lost: points of F1, of segments and of events, with all modalities less without the one."]
        lines += [
            "What is told at events of the rest counts neither way; strictly, as false unless its class is theirs."
        ]
        lines += [
            "",
            f"Expected calibration error {self.top_calibration_error:.3f} of each moment's most probable class, ",
        ]
        lines[-1] += f"{self.calibration_error:.3f} of every statement."
        return "\n".join(lines) + "\n\n" + self.scores.as_markdown()


def _brief(scores: EventScores) -> dict[str, float]:
    return {"segment_f1": round(scores.segment.f1, 4), "event_f1": round(scores.event.f1, 4)}


def _cells(scores: EventScores) -> str:
    return f"{scores.segment.f1:.3f} | {scores.event.f1:.3f}"
