"""One part of one source: its bank, and how its scores are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.normality.calibration import Calibrator
from processors.normality.features import Part, PartFeatures
from processors.normality.gate import ScoreGate
from processors.normality.lessons import WHOLE, Lesson, Sample
from processors.normality.memory_bank import BankShape, MemoryBank
from processors.normality.part_scores import PartScores
from processors.normality.state_groups import grouped, joined

__all__ = ["PartAnswer", "PartNormal"]

_CELL_SLOTS: Final = 8
_MOST_CELL_SLOTS: Final = 180
_MOMENT_SLOTS: Final = 24
_MEASURE_SLOTS: Final = 16
"""Prototypes of a cell, of all cells and of other parts; the 64 KB of a baseline depend on them."""
_CELL_DIM: Final = 16
_MOMENT_DIM: Final = 64
_CELL_TAKE_UP: Final = 3.0
_MOMENT_TAKE_UP: Final = 1.5
_MEASURE_TAKE_UP: Final = 2.0
_MANIFOLD: Final = {Part.MOTION: (96, 2.0), Part.THINGS: (48, 1.5), Part.LOOKS: (48, 1.5), Part.AGREEMENT: (64, 1.0)}
"""Prototypes and take-up of parts whose vectors differ much and have few dimensions."""
_MEASURES: Final = frozenset({Part.LIGHT, Part.STEADINESS, Part.LOUDNESS, Part.TALK})
"""Parts in units that a person would notice."""
_UNNOTICED: Final = 0.5
_MOST_SAMPLES: Final = 6
"""Vectors of one part that a lesson keeps; where more are unusual, it keeps their mean."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PartAnswer:
    """A part of a window under its normal.

    Attributes:
        vectors: float32 [N, d], prepared.
        places: intp [N].
        ratios: float32 [N], how far each is from normal, in units of what is still usual at its place.
        like_ms: int64 [N], start of a normal window that each is like; -1 for none.
        distances: float32 [N, slots], to the prototypes of its place.
        score: of the part.
        p: of the score.
    """

    vectors: Floats
    places: npt.NDArray[np.intp]
    ratios: Floats
    like_ms: npt.NDArray[np.int64]
    distances: Floats
    score: float
    p: float


class PartNormal:
    """Judges and learns one part.

    Args:
        part: which.
        places: cells of its grid; 1 where its places are moments.
        dim: length of its vectors.
        half_life: windows in which the weight of what was learned halves.
        capacity: how many times as many prototypes are held as in 64 KB.
    """

    def __init__(self, part: Part, places: int, dim: int, half_life: float, capacity: int = 1) -> None:
        self.bank = MemoryBank(_shape(part, places, dim, capacity), half_life)
        self._scores = PartScores()

    @property
    def shape(self) -> tuple[int, int]:
        """Places, and length of a vector."""
        return self.bank.shape.places, self.bank.shape.dim

    @property
    def calibrator(self) -> Calibrator:
        """Of the part's scores."""
        return self._scores.calibrator

    @calibrator.setter
    def calibrator(self, calibrator: Calibrator) -> None:
        self._scores.calibrator = calibrator

    @property
    def windows_missing(self) -> int:
        """How many windows it has to learn at least until its p-values count."""
        return self._scores.windows_missing(self.bank.learned)

    def judge(self, part: Part, features: PartFeatures, at_ms: int, normal_lessons: list[Lesson]) -> PartAnswer:
        """Say how unusual a part is. Changes nothing."""
        vectors, places = self.bank.prepare(features)
        measured = self.bank.measure(vectors, places, at_ms)
        ratios = measured.ratios
        for lesson in normal_lessons:
            if part in lesson.samples and len(vectors):
                ratios = np.minimum(ratios, self._ratios_to(lesson.samples[part], vectors, places))
        score = float(ratios.max()) if len(ratios) else 0.0
        return PartAnswer(
            vectors, places, ratios, measured.like_ms, measured.distances, score, self.calibrator.p_of(score)
        )

    def learn(self, answer: PartAnswer, at_ms: int, *, trusted: bool) -> None:
        """Learn from a part of a window that was judged before.

        Args:
            answer: of `judge`, with nothing learned since.
            at_ms: start of the window.
            trusted: whether somebody vouches that it is normal.
        """
        self._scores.learn(answer.score, self.bank.learned, trusted=trusted)
        self.bank.learn(answer.vectors, answer.places, at_ms, trusted=trusted, distances=answer.distances)

    def sample_unusual(self, answer: PartAnswer) -> Sample | None:
        """What a lesson keeps of a window to make it normal; None where nothing in the part is unusual."""
        order = np.argsort(-answer.ratios, kind="stable")
        unusual = order[answer.ratios[order] > self._scores.gate.median]
        if not len(unusual):
            return None
        if len(unusual) > _MOST_SAMPLES and self.bank.shape.places > 1:
            return Sample(_rounded(answer.vectors.mean(axis=0, keepdims=True)), np.array([WHOLE]), 1.0)
        kept = unusual[:_MOST_SAMPLES]
        return Sample(_rounded(answer.vectors[kept]), answer.places[kept], 1.0)

    def sample_top(self, answer: PartAnswer) -> Sample | None:
        """What a lesson keeps of a window by which to know it again: its most unusual vector."""
        if not len(answer.ratios):
            return None
        top = answer.ratios.argmax(keepdims=True)
        radius = float(answer.ratios[top[0]]) / 2
        return Sample(_rounded(answer.vectors[top]), answer.places[top], radius)

    def is_like(self, sample: Sample, answer: PartAnswer) -> bool:
        """Whether one of a window's vectors is within a sample's radius."""
        ratios = self._ratios_to(sample, answer.vectors, answer.places)
        return bool((ratios <= sample.radius).any())

    def p_of(self, ratios: Floats) -> Floats:
        """Of each vector, the p-value of a window that has nothing more unusual."""
        floor = self._scores.gate.median
        return np.array([self.calibrator.p_of(float(each)) if each > floor else 1.0 for each in ratios], np.float32)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        return joined(
            {
                "shape": {"": np.array(self.shape, np.int32)},
                "bank": self.bank.state(),
                "calibration": self.calibrator.state(),
                "gate": self._scores.gate.state(),
            }
        )

    @classmethod
    def from_state(cls, part: Part, state: Mapping[str, npt.NDArray[Any]], half_life: float, capacity: int = 1) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        groups = grouped(state)
        places, dim = groups["shape"][""].tolist()
        normal = cls(part, places, dim, half_life, capacity)
        normal.bank = MemoryBank.from_state(normal.bank.shape, groups["bank"], half_life)
        calibrator, gate = Calibrator.from_state(groups["calibration"]), ScoreGate.from_state(groups["gate"])
        normal._scores = PartScores(calibrator, gate)
        return normal

    def _ratios_to(self, sample: Sample, vectors: Floats, places: npt.NDArray[np.intp]) -> Floats:
        """Of each vector to the nearest of a sample at its place; infinite where it has none there."""
        if sample.places[0] == WHOLE:
            mean = vectors.mean(axis=0, keepdims=True)
            away = self.bank.ratios_between(mean, sample.vectors, places[:1]).min()
            return np.full(len(vectors), away if away <= sample.radius else np.inf, np.float32)
        nearest = np.full(len(vectors), np.inf, np.float32)
        for vector, place in zip(sample.vectors, sample.places, strict=True):
            here = np.flatnonzero(places == place)
            if len(here):
                ratios = self.bank.ratios_between(vectors[here], vector[None], places[here])
                nearest[here] = np.minimum(nearest[here], ratios)
        return nearest


def _shape(part: Part, places: int, dim: int, capacity: int) -> BankShape:
    if places > 1:
        slots = max(min(_CELL_SLOTS, _MOST_CELL_SLOTS // places), 1)
        return BankShape(places, dim, slots, _CELL_DIM, _CELL_TAKE_UP, capacity=capacity)
    if part in _MEASURES:
        return BankShape(places, dim, _MEASURE_SLOTS, dim, _MEASURE_TAKE_UP, _UNNOTICED, capacity=capacity)
    slots, take_up = _MANIFOLD.get(part, (_MOMENT_SLOTS, _MOMENT_TAKE_UP))
    first_side = dim // 2 if part is Part.AGREEMENT else 0
    return BankShape(places, dim, slots, _MOMENT_DIM, take_up, capacity=capacity, first_side=first_side)


def _rounded(vectors: Floats) -> Floats:
    return vectors.astype(np.float16).astype(np.float32)
