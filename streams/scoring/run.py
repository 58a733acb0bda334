"""Learning normal recordings, and scoring others: one line per window, in order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from processors.models.observing import ItemEncoders, Observed, is_finite, windows
from processors.normality import Judgement, SourceBaseline, WindowFeatures, extract
from processors.normality.motion import RecentMotion
from processors.normality.recordings import (
    FEWEST_LENGTHS,
    FEWEST_WINDOWS,
    TooFewWindows,
    learn_recordings,
    learning_steps,
)
from streams.errors import ConfigurationError
from streams.scoring.clips import Clip
from streams.scoring.explaining import TimeLine, explain

__all__ = ["NOT_FINITE", "ScoredWindow", "Scoring", "Told", "score_clips"]

NOT_FINITE: Final = "a model answered something that is no number"
"""Why a window has no score."""

Told = Callable[[str, int, int], object]
"""Told what is under way, how many of its steps were made since it was told last, and how many there are."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How recordings are cut and judged.

    Attributes:
        window_ms: length of a window.
        hop_ms: from the start of one to the next.
        learns: whether scored windows are learned, too.
        explains_all: whether usual windows are explained, too.
    """

    window_ms: int
    hop_ms: int
    learns: bool = False
    explains_all: bool = False


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """One line of the answer.

    Attributes:
        clip: name of the recording.
        start_ms: from its beginning on.
        end_ms: exclusive.
        judgement: None where a model answered no number.
        explanation: for a line of JSON; None for a usual window.
    """

    clip: str
    start_ms: int
    end_ms: int
    judgement: Judgement | None
    explanation: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """For a line of JSON."""
        line: dict[str, Any] = {"clip": self.clip, "start_ms": self.start_ms, "end_ms": self.end_ms}
        if self.judgement is None:
            return {**line, "score": None, "anomaly_p": None, "parts": {}, "unscored": NOT_FINITE}
        told = self.judgement
        parts = {part.value: p for part, p in sorted(told.parts.items())}
        line |= {"score": told.score, "anomaly_p": told.anomaly_p, "parts": parts}
        line |= {"states": list(told.states), "words": list(told.words)}
        return {**line, "explanation": self.explanation}


def score_clips(
    normal: Sequence[Clip], clips: Sequence[Clip], encoders: ItemEncoders, scoring: Scoring, told: Told
) -> Iterator[ScoredWindow]:
    """Learn from normal recordings, then score others window by window as they come.

    A score depends on the normal recordings and on its own window alone, unless `scoring.learns`; so the scores of all
    clips compare, and what comes later changes none that came before.

    Args:
        normal: recordings of nothing unusual.
        clips: recordings to score.
        encoders: that embed the items.
        scoring: how.
        told: of the progress.

    Raises:
        ConfigurationError: the normal recordings are too few or too short; says how much is missing.
        MediaError: a recording cannot be read; names it.
        ModelError: the encoders answer something else than they did before.
    """
    learned: list[list[WindowFeatures]] = []
    time_line, at_ms = TimeLine(), 0
    for clip in normal:
        told("encoding normal recordings", 0, len(normal))
        time_line.begin(clip.name, at_ms)
        observed = clip.observe(encoders, at_ms)
        learned.append([each for _, each in _featured(observed, scoring) if each is not None])
        at_ms = observed.end_ms + scoring.window_ms  # no window reaches into two recordings
        told("encoding normal recordings", 1, len(normal))
    steps = learning_steps(sum(map(len, learned)))
    told("learning what is normal", 0, steps)
    try:
        baseline = learn_recordings(learned, progress=lambda made: told("learning what is normal", made, steps))
    except TooFewWindows as error:
        raise _too_short(error, scoring) from error
    for clip in clips:
        told("scoring", 0, len(clips))
        if scoring.learns:
            time_line.begin(clip.name, at_ms)
        observed = clip.observe(encoders, at_ms if scoring.learns else 0)
        for start_ms, features in _featured(observed, scoring):
            judgement, explanation = None, None
            if features is not None:
                judgement = _judge(baseline, features, scoring)
                if scoring.explains_all or judgement.is_unusual:
                    explanation = explain(judgement, time_line, observed.start_ms)
            yield ScoredWindow(clip.name, start_ms, start_ms + scoring.window_ms, judgement, explanation)
        at_ms = observed.end_ms + scoring.window_ms
        told("scoring", 1, len(clips))


def _featured(observed: Observed, scoring: Scoring) -> Iterator[tuple[int, WindowFeatures | None]]:
    """Start of each window in its recording, and its features; None where a model answered no number."""
    motion_of = RecentMotion()
    for each in windows(observed, scoring.window_ms, scoring.hop_ms):
        yield each.start_ms - observed.start_ms, extract(each, motion_of) if is_finite(each) else None


def _judge(baseline: SourceBaseline, features: WindowFeatures, scoring: Scoring) -> Judgement:
    if not scoring.learns:
        return baseline.judge(features)
    return baseline.learn(f"recording/{features.start_ms}/{scoring.window_ms}", features)


def _too_short(error: TooFewWindows, scoring: Scoring) -> ConfigurationError:
    count, lasting_ms = error.count, error.lasting_ms
    missing_ms = max((FEWEST_WINDOWS - count) * scoring.hop_ms, FEWEST_LENGTHS * scoring.window_ms - lasting_ms)
    return ConfigurationError(
        f"the normal recordings are too short: {count} windows that last {lasting_ms / 1000:g} s, expected at "
        f"least {FEWEST_WINDOWS} that last {FEWEST_LENGTHS * scoring.window_ms / 1000:g} s; add "
        f"{missing_ms / 1000:g} s of normal recordings, or choose a shorter --window or --hop",
        code="configuration.recordings",
    )
