"""Learn the normal of composed sources, and judge their held-out stretches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from processors.models.evaluation.anomaly_scores import Answer, JudgedFrame
from processors.models.evaluation.anomaly_windows import WINDOW_MS, JudgedWindow, Observer, cut_windows
from processors.normality import Observation, SourceBaseline, WindowFeatures, extract
from processors.normality.motion import RecentMotion
from processors.normality.recordings import learn_recordings
from processors.scenes.anomalies import Kind, Source, Stretch, can_befall, compose_held_out, compose_learned

__all__ = [
    "RecordingScorer",
    "RunSettings",
    "Scorer",
    "ScorerMaker",
    "StreamScorer",
    "judge_source",
    "observe_held_out",
    "observe_learned",
]

_START_MS: Final = 1_767_225_600_000
_PAUSE_MS: Final = 2_000
"""Between stretches: no window spans two."""


class Scorer(Protocol):
    """Who learns the normal of one source and judges windows."""

    def learn(self, observations: Sequence[Observation]) -> None:
        """Take windows as normal, in order of start; once."""

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        """Say how unusual each of some windows is, by what was learned alone."""


ScorerMaker = Callable[[], Scorer]


class StreamScorer:
    """The project's own as in the worker: each window is judged before it is learned, and nobody vouches for any."""

    def __init__(self) -> None:
        self.baseline = SourceBaseline()
        self._motion_of = RecentMotion()

    def features_of(self, observation: Observation) -> WindowFeatures:
        """Of a window; what moves between frames that it shares with one before is not measured again."""
        return extract(observation, self._motion_of)

    def learn(self, observations: Sequence[Observation]) -> None:
        """Take windows as normal."""
        for observation in observations:
            self.baseline.learn(f"composed/{observation.start_ms}/{WINDOW_MS}", self.features_of(observation))

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        """Judge windows, each by itself."""
        judged = [self.baseline.judge(self.features_of(observation)) for observation in observations]
        return [Answer(each.score, each.anomaly_p, {str(part): p for part, p in each.parts.items()}) for each in judged]


class RecordingScorer(StreamScorer):
    """The project's own as in `braid score`: learned from recordings, calibrated on stretches held out in turn."""

    def learn(self, observations: Sequence[Observation]) -> None:
        """Take windows as normal."""
        self.baseline = learn_recordings([[self.features_of(observation) for observation in observations]])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How much is composed of each source.

    Attributes:
        learned_s: seconds of normal that are learned.
        hop_ms: from one learned window to the next.
        normal_stretches: held-out ones without an anomaly.
        anomalies: held-out stretches of each kind.
    """

    learned_s: float = 360.0
    hop_ms: int = 800
    normal_stretches: int = 5
    anomalies: int = 1


def judge_source(
    source: Source, observer: Observer, makers: Mapping[str, ScorerMaker], settings: RunSettings
) -> dict[str, list[JudgedFrame]]:
    """Let each scorer learn the same normal windows and judge the same held-out ones.

    Args:
        source: whose.
        observer: encodes.
        makers: name -> makes a scorer that has learned nothing.
        settings: how much.

    Returns:
        Name of each scorer -> its answers, in order of stretch and time.
    """
    learned, start_ms = observe_learned(source, observer, settings)
    scorers = {name: make() for name, make in makers.items()}
    for scorer in scorers.values():
        scorer.learn(learned)
    judged: dict[str, list[JudgedFrame]] = {name: [] for name in scorers}
    for number, (stretch, windows) in enumerate(observe_held_out(source, observer, settings, start_ms)):
        counted = [window for window in windows if window.is_counted]
        for name, scorer in scorers.items():
            answers = scorer.answers([window.observation for window in counted])
            judged[name] += [
                JudgedFrame(source.name, number, stretch.kind, window.is_anomalous, answer)
                for window, answer in zip(counted, answers, strict=True)
            ]
    return judged


def observe_learned(source: Source, observer: Observer, settings: RunSettings) -> tuple[list[Observation], int]:
    """Compose and encode the normal of a source.

    Returns:
        The windows to be learned, in order of start, and the event time after them.
    """
    learned: list[Observation] = []
    start_ms = _START_MS
    for stretch in compose_learned(source, settings.learned_s):
        windows = cut_windows(stretch, observer.observe(stretch), start_ms, settings.hop_ms)
        learned += [window.observation for window in windows]
        start_ms += stretch.duration_ms + _PAUSE_MS
    return learned, start_ms


def observe_held_out(
    source: Source, observer: Observer, settings: RunSettings, start_ms: int
) -> Iterator[tuple[Stretch, list[JudgedWindow]]]:
    """Compose and encode the held-out stretches of a source, the normal ones first."""
    plan: list[tuple[Kind | None, int]] = [(None, number) for number in range(settings.normal_stretches)]
    plan += [(kind, number) for kind in Kind if can_befall(kind, source.place) for number in range(settings.anomalies)]
    for kind, number in plan:
        stretch = compose_held_out(source, kind, number)
        yield stretch, list(cut_windows(stretch, observer.observe(stretch), start_ms))
        start_ms += stretch.duration_ms + _PAUSE_MS
