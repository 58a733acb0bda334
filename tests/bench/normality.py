"""What a window costs in processor time: its features, its score, and learning it; with age, and with many sources.

Windows are made up: pictures of a wall before which boxes move, embeddings near one of a few centres. What they show
does not change what they cost.
"""

import dataclasses
from time import process_time
from typing import Any, Self

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from processors.normality import (
    HeardSecond,
    Observation,
    SeenFrame,
    SourceBaseline,
    SpokenSegment,
    WindowFeatures,
    extract,
)
from processors.normality.observation import THUMBNAIL_SHAPE
from processors.normality.sound_measures import SOUND_MEASURES
from tests.bench.figures import Figure

__all__ = ["measure_normality"]

WINDOWS = 200
FRAMES = 5
YOUNG, OLD = 400, 4000
SOURCES = 32
ROUNDS = 5
TIMED = 100
START_MS = 1_767_268_800_000
WINDOW_MS = 1000
WORDS = ("gate", "order", "seven", "is", "open", "for", "group", "two", "bus")


async def measure_normality() -> tuple[list[Figure], dict[str, Any]]:
    cv2.setNumThreads(1)
    threadpool_limits(1, "blas")
    observations = [_observation(number) for number in range(WINDOWS)]
    features = [extract(observation) for observation in observations]
    young, old, *others = (SourceBaseline() for _ in range(2 + SOURCES))
    _age(young, features, YOUNG)
    _age(old, features, OLD)
    for number, other in enumerate(others):
        # Each at another age: what is done every few windows falls due at one source after the other.
        _age(other, features, TIMED + number)
    rounds = [_Round.measure(number, observations, features, young, old, others) for number in range(ROUNDS)]
    figures = [
        Figure("features of a window", [each.features_ms for each in rounds], "ms"),
        Figure("score of a window", [each.young.score_ms for each in rounds], "ms"),
        Figure("features and score", [each.features_ms + each.young.score_ms for each in rounds], "ms", at_most=15),
        Figure("update beside the score", [each.young.update_ms for each in rounds], "ms", at_most=2),
        Figure(
            f"score after {OLD} windows / after {YOUNG}",
            [each.old.score_ms / each.young.score_ms for each in rounds],
            at_most=1.3,
        ),
        Figure(
            f"score and update after {OLD} windows / after {YOUNG}",
            [each.old.both_ms / each.young.both_ms for each in rounds],
            at_most=1.3,
        ),
        Figure(
            f"score and update, {SOURCES} sources in turn / one",
            [each.many.both_ms / each.young.both_ms for each in rounds],
            at_most=1.3,
        ),
        Figure(f"state after {OLD} windows", [len(old.to_bytes()) / 1024], "KB", at_most=64),
        Figure("features kept with a detection", [len(features[0].to_bytes()) / 1024], "KB"),
    ]
    return figures, {"frames": FRAMES, "windows_timed": TIMED, "rounds": ROUNDS}


@dataclasses.dataclass(slots=True)
class _Learning:
    """Milliseconds of processor time a window."""

    score_ms: float = 0.0
    update_ms: float = 0.0

    @property
    def both_ms(self) -> float:
        return self.score_ms + self.update_ms

    def take(self, baseline: SourceBaseline, window: WindowFeatures) -> None:
        """Judge a window, judge it again, and learn it, which judges it once more.

        The update is what learning takes longer than the judgement right before it.
        """
        begun_s = process_time()
        baseline.judge(window)
        judged_s = process_time()
        baseline.judge(window)
        again_s = process_time()
        _learn(baseline, window)
        update_s = process_time() - again_s - (again_s - judged_s)
        self.score_ms += 1000 * (judged_s - begun_s) / TIMED
        self.update_ms += 1000 * update_s / TIMED


@dataclasses.dataclass(slots=True)
class _Round:
    """A machine changes its pace: what is compared is measured window by window, in turn."""

    features_ms: float = 0.0
    young: _Learning = dataclasses.field(default_factory=_Learning)
    old: _Learning = dataclasses.field(default_factory=_Learning)
    many: _Learning = dataclasses.field(default_factory=_Learning)

    @classmethod
    def measure(
        cls,
        number: int,
        observations: list[Observation],
        features: list[WindowFeatures],
        young: SourceBaseline,
        old: SourceBaseline,
        others: list[SourceBaseline],
    ) -> Self:
        taken = cls()
        for at in range(number * TIMED, (number + 1) * TIMED):
            begun_s = process_time()
            extract(observations[at % WINDOWS])
            taken.features_ms += 1000 * (process_time() - begun_s) / TIMED
            turns = [
                (taken.young, young, YOUNG),
                (taken.old, old, OLD),
                (taken.many, others[at % SOURCES], YOUNG),
            ]
            # The first after something else finds the processor's caches cold.
            for learning, baseline, first in turns[at % 3 :] + turns[: at % 3]:
                learning.take(baseline, _at(features[at % WINDOWS], first + at))
        return taken


def _at(features: WindowFeatures, number: int) -> WindowFeatures:
    start_ms = START_MS + number * WINDOW_MS
    return dataclasses.replace(features, start_ms=start_ms, end_ms=start_ms + WINDOW_MS)


def _learn(baseline: SourceBaseline, features: WindowFeatures) -> None:
    baseline.learn(f"bench/{features.start_ms}/{WINDOW_MS}", features)


def _age(baseline: SourceBaseline, features: list[WindowFeatures], windows: int) -> None:
    for number in range(windows):
        _learn(baseline, _at(features[number % WINDOWS], number))


def _observation(number: int) -> Observation:
    rng = np.random.default_rng(number)
    start_ms = START_MS + number * WINDOW_MS
    centre = np.random.default_rng(number % 4)
    scene, cells = centre.standard_normal(1280), centre.standard_normal((5, 5, 40))
    heard, said = centre.standard_normal(1280), centre.standard_normal(384)
    wall = np.random.default_rng(0).integers(60, 180, THUMBNAIL_SHAPE).astype(np.uint8)
    frames = []
    for index in range(FRAMES):
        thumbnail = cv2.blur(wall, (3, 3))
        for box in range(3):
            left, top = (17 * box + 6 * index + 11 * number) % 130, 25 + 30 * box
            thumbnail[top : top + 24, left : left + 12] = 40 + 60 * box
        noisy = np.clip(thumbnail + 2 * rng.standard_normal(THUMBNAIL_SHAPE), 0, 255).astype(np.uint8)
        own_cells = (cells + 0.2 * rng.standard_normal(cells.shape)).astype(np.float16)
        frames.append(SeenFrame(start_ms + 200 * index, _near(scene, rng), own_cells, noisy))
    measures = rng.uniform(0, 1, len(SOUND_MEASURES)).astype(np.float32)
    second = HeardSecond(start_ms, start_ms + WINDOW_MS, _near(heard, rng), measures)
    text = " ".join(rng.choice(WORDS, 5))
    segment = SpokenSegment(start_ms, start_ms + WINDOW_MS, _near(said, rng), text)
    return Observation(start_ms, start_ms + WINDOW_MS, frames, [second], [segment])


def _near(centre: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    vector = centre + 0.3 * rng.standard_normal(len(centre))
    return (vector / np.linalg.norm(vector)).astype(np.float32)
