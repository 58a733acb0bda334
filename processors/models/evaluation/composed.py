"""How well events are told on composed streams: with all modalities, with each alone, with each left out."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import TimedEvent
from processors.modality import Modality
from processors.models.composed.answering import answer_stream, moments_ms
from processors.models.composed.decoding import DecodeSettings, decode_events
from processors.models.composed.encoding import EncodedStream, encode_stream, replace_sound
from processors.models.composed.windows import SIZE_MS, evidence_at
from processors.models.evaluation.calibration_error import calibration_error
from processors.models.evaluation.events import EventScores, score_events
from processors.models.fusion import Ensemble, FusionModel
from processors.models.local_encoders import Encoders
from processors.scenes.real import ClipBank, SoundBank, StreamSettings, compose_stream
from processors.scenes.real.words import LinePart

__all__ = ["SNRS_DB", "ComposedReport", "compose_set", "judge_composed", "score_streams"]

SNRS_DB: Final = (20.0, 15.0, 10.0, 5.0, 0.0, -5.0)
_HEADLINE_DB: Final = 10.0
_SEED_STRIDE: Final = 100_000

Told = Callable[[str], None]


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
        alone: modality -> scores with it alone, at 10 dB.
        left_out: modality -> what is lost without it, at 10 dB.
        calibration_error: expected, over every statement about a class and a moment, at 10 dB.
        top_calibration_error: the same over each moment's most probable class.
    """

    seed: int
    streams: int
    stream_s: float
    by_snr: Mapping[float, EventScores]
    alone: Mapping[str, EventScores]
    left_out: Mapping[str, LeftOut]
    calibration_error: float
    top_calibration_error: float

    @property
    def scores(self) -> EventScores:
        """With all modalities, at 10 dB."""
        return self.by_snr[_HEADLINE_DB]

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
            "snr_db": _HEADLINE_DB,
            "segment_f1": round(self.scores.segment.f1, 4),
            "event_f1": round(self.scores.event.f1, 4),
            "expected_calibration_error": round(self.calibration_error, 4),
            "expected_calibration_error_of_most_probable": round(self.top_calibration_error, 4),
            "scores": self.scores.as_json(),
            "snr": {f"{snr_db:g}": _brief(scores) for snr_db, scores in self.by_snr.items()},
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
        lines += ["", f"Expected calibration error {self.calibration_error:.3f}; of each moment's most probable class "]
        lines[-1] += f"{self.top_calibration_error:.3f}."
        return "\n".join(lines) + "\n\n" + self.scores.as_markdown()


def compose_set(
    seed: int,
    count: int,
    clips: ClipBank,
    sounds: SoundBank,
    encoders: Encoders,
    *,
    snrs_db: Sequence[float] = (_HEADLINE_DB,),
    lines: LinePart = LinePart.TEST,
    stream_s: float = 60.0,
    told: Told = lambda _: None,
) -> dict[float, list[EncodedStream]]:
    """Compose and encode streams; those of different ratios differ in their sound alone.

    Args:
        seed: of all streams.
        count: how many.
        clips: their scenes, in turn, and the things in them.
        sounds: what is heard.
        encoders: with what to encode.
        snrs_db: ratios of signal to noise.
        lines: which lines are spoken.
        stream_s: how long each is.
        told: is told how far it is.
    """
    sets: dict[float, list[EncodedStream]] = {snr_db: [] for snr_db in snrs_db}
    scenes = list(clips.scenes)
    for number in range(count):
        encoded = None
        for snr_db in snrs_db:
            settings = StreamSettings(
                seed=seed * _SEED_STRIDE + number, snr_db=snr_db, duration_s=stream_s, lines=lines
            )
            stream = compose_stream(settings, clips, sounds, scenes[number % len(scenes)])
            encoded = encode_stream(stream, encoders) if encoded is None else replace_sound(encoded, stream, encoders)
            sets[snr_db].append(encoded)
        told(f"{number + 1} of {count} streams")
    return sets


def judge_composed(
    seed: int,
    sets: Mapping[float, Sequence[EncodedStream]],
    model: FusionModel | Ensemble,
    decode: DecodeSettings,
) -> ComposedReport:
    """Score a model on streams.

    Args:
        seed: of the streams.
        sets: ratio in decibels -> streams; 10 among them.
        model: who is judged.
        decode: how events are told.
    """
    classes = model.shape.tasks[0].classes
    every = frozenset(Modality)
    headline = sets[_HEADLINE_DB]
    views = [every, *(frozenset({each}) for each in Modality), *(every - {each} for each in Modality)]
    answers = [answer_stream(model, stream, views) for stream in headline]
    by_view = {view: [answer[index] for answer in answers] for index, view in enumerate(views)}
    by_snr = {
        snr_db: score_streams(
            streams,
            by_view[every] if snr_db == _HEADLINE_DB else [answer_stream(model, each, [every])[0] for each in streams],
            classes,
            decode,
        )
        for snr_db, streams in sets.items()
    }
    stated = np.concatenate(by_view[every])
    true = np.concatenate([_truth_at_moments(stream, classes) for stream in headline])
    top = stated.argmax(axis=1)
    rows = np.arange(len(top))
    return ComposedReport(
        seed=seed,
        streams=len(headline),
        stream_s=headline[0].duration_ms / 1000,
        by_snr=by_snr,
        alone={each.value: score_streams(headline, by_view[frozenset({each})], classes, decode) for each in Modality},
        left_out={
            each.value: _leave_out(each, headline, by_view[every], by_view[every - {each}], classes, decode)
            for each in Modality
        },
        calibration_error=calibration_error(stated.ravel(), true.ravel()),
        top_calibration_error=calibration_error(stated[rows, top], true[rows, top]),
    )


def score_streams(
    streams: Sequence[EncodedStream],
    answers: Sequence[npt.NDArray[np.float32]],
    classes: tuple[str, ...],
    decode: DecodeSettings,
    carriers: Collection[Modality] = frozenset(Modality),
    at_least: int = 1,
    *,
    strictly: bool = False,
) -> EventScores:
    """Score answers.

    Args:
        streams: what was asked about.
        answers: probabilities of each stream's moments.
        classes: what can happen.
        decode: how events are told.
        carriers: only events that some of these carry count; what is told at events of the rest counts neither way.
        at_least: how many of them must.
        strictly: count what is told at events of the rest as false, unless its class is theirs.
    """
    truth: dict[str, list[TimedEvent]] = {}
    told: dict[str, list[TimedEvent]] = {}
    for stream, answer in zip(streams, answers, strict=True):
        is_counted = [len(set(event.modalities) & set(carriers)) >= at_least for event in stream.events]
        events = [TimedEvent(event.kind, event.start_ms, event.end_ms) for event in stream.events]
        ignored = list(itertools.compress(events, [not each for each in is_counted]))
        truth[stream.name] = list(itertools.compress(events, is_counted))
        told[stream.name] = [
            event
            for event in decode_events(answer, moments_ms(stream.duration_ms), classes, decode)
            if not _is_of(event, ignored)
            and (strictly or _is_of(event, truth[stream.name]) or not any(_meet(event, each) for each in ignored))
        ]
    durations = {stream.name: stream.duration_ms for stream in streams}
    return score_events(truth, told, durations, classes=classes)


def _leave_out(
    modality: Modality,
    streams: Sequence[EncodedStream],
    full: Sequence[npt.NDArray[np.float32]],
    partial: Sequence[npt.NDArray[np.float32]],
    classes: tuple[str, ...],
    decode: DecodeSettings,
) -> LeftOut:
    losses = []
    others = frozenset(Modality) - {modality}
    for at_least, strictly in ((len(others), False), (len(others), True), (1, False)):
        if not any(len(others & set(event.modalities)) >= at_least for stream in streams for event in stream.events):
            losses.append(Loss(0.0, 0.0, 0))
            continue
        with_all, without = (
            score_streams(streams, answers, classes, decode, others, at_least, strictly=strictly)
            for answers in (full, partial)
        )
        segment = with_all.segment.f1 - without.segment.f1
        losses.append(Loss(segment, with_all.event.f1 - without.event.f1, without.event.overall.true))
    return LeftOut(score_streams(streams, partial, classes, decode), *losses)


def _truth_at_moments(stream: EncodedStream, classes: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Bool [W, C]: which classes happen in at least half of each moment."""
    starts = moments_ms(stream.duration_ms) - SIZE_MS // 2
    return np.stack([evidence_at(stream, int(start), classes)[0].any(axis=0) for start in starts])


def _is_of(event: TimedEvent, others: Collection[TimedEvent]) -> bool:
    return any(_overlap(event, each) for each in others)


def _overlap(one: TimedEvent, other: TimedEvent) -> bool:
    return one.event_class == other.event_class and _meet(one, other)


def _meet(one: TimedEvent, other: TimedEvent) -> bool:
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms


def _brief(scores: EventScores) -> dict[str, float]:
    return {"segment_f1": round(scores.segment.f1, 4), "event_f1": round(scores.event.f1, 4)}


def _cells(scores: EventScores) -> str:
    return f"{scores.segment.f1:.3f} | {scores.event.f1:.3f}"
