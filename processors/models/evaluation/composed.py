"""How well events are told on composed streams: with all modalities, with each alone, with each left out."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import TimedEvent
from processors.modality import Modality
from processors.models.composed.answering import answer_stream, moments_ms
from processors.models.composed.decoding import DecodeSettings, decode_events
from processors.models.composed.encoding import EncodedStream, encode_stream, replace_sound
from processors.models.composed.windows import SIZE_MS, evidence_at
from processors.models.evaluation.classification import reliability_bins
from processors.models.evaluation.composed_report import HEADLINE_DB, ComposedReport, LeftOut, Loss
from processors.models.evaluation.events import EventScores, score_events
from processors.models.fusion import Ensemble, FusionModel
from processors.models.local_encoders import Encoders
from processors.scenes.real import ClipBank, SoundBank, StreamSettings, compose_stream
from processors.scenes.real.words import LinePart

__all__ = ["SNRS_DB", "compose_set", "judge_composed", "score_streams"]

SNRS_DB: Final = (20.0, 15.0, 10.0, 5.0, 0.0, -5.0)
_SEED_STRIDE: Final = 100_000

Told = Callable[[str], None]


def compose_set(
    seed: int,
    count: int,
    clips: ClipBank,
    sounds: SoundBank,
    encoders: Encoders,
    *,
    snrs_db: Sequence[float] = (HEADLINE_DB,),
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
    headline = sets[HEADLINE_DB]
    views = [every, *(frozenset({each}) for each in Modality), *(every - {each} for each in Modality)]
    answers = [answer_stream(model, stream, views) for stream in headline]
    by_view = {view: [answer[index] for answer in answers] for index, view in enumerate(views)}
    scores = {view: score_streams(headline, by_view[view], classes, decode) for view in views[: 1 + len(Modality)]}
    by_snr: dict[float, EventScores] = {}
    alone_by_snr: dict[str, dict[float, EventScores]] = {each.value: {} for each in Modality}
    for snr_db, streams in sets.items():
        # Sound is all that differs: alone, the others answer as at 10 dB.
        heard = {} if snr_db == HEADLINE_DB else _score_heard(streams, model, classes, decode)
        by_snr[snr_db] = heard.get(every, scores[every])
        for each in Modality:
            view = frozenset({each})
            alone_by_snr[each.value][snr_db] = heard.get(view, scores[view])
    stated = np.concatenate(by_view[every])
    true = np.concatenate([_truth_at_moments(stream, classes) for stream in headline])
    top = stated.argmax(axis=1)
    rows = np.arange(len(top))
    return ComposedReport(
        seed=seed,
        streams=len(headline),
        stream_s=headline[0].duration_ms / 1000,
        by_snr=by_snr,
        alone_by_snr=alone_by_snr,
        left_out={
            each.value: _leave_out(each, headline, by_view[every], by_view[every - {each}], classes, decode)
            for each in Modality
        },
        top_reliability=reliability_bins(true[rows, top], stated[rows, top]),
        reliability=reliability_bins(true.ravel(), stated.ravel()),
    )


def _score_heard(
    streams: Sequence[EncodedStream],
    model: FusionModel | Ensemble,
    classes: tuple[str, ...],
    decode: DecodeSettings,
) -> dict[frozenset[Modality], EventScores]:
    """Scores of the views that a change of sound changes: all modalities, and sound alone."""
    views = [frozenset(Modality), frozenset({Modality.AUDIO})]
    answers = [answer_stream(model, stream, views) for stream in streams]
    return {
        view: score_streams(streams, [answer[index] for answer in answers], classes, decode)
        for index, view in enumerate(views)
    }


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
