"""What a baseline has to be ahead of: four plain ways to tell the unusual, on the same windows and the same normal."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from sklearn.ensemble import IsolationForest

from processors.models.evaluation.anomaly_run import ScorerMaker
from processors.models.evaluation.anomaly_scores import Answer
from processors.normality import Observation

__all__ = ["RIVALS"]


class FrameDifference:
    """How much the picture changes: mean difference of consecutive thumbnails, the greatest of the window."""

    def learn(self, observations: Sequence[Observation]) -> None:
        """There is nothing to learn."""

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        return [Answer(max(_differences(observation))) for observation in observations]


class MotionZScore:
    """Mean length of the optical flow in the window, in standard deviations from that of normal windows."""

    def learn(self, observations: Sequence[Observation]) -> None:
        amounts = [_motion(observation) for observation in observations]
        self._mean, self._deviation = float(np.mean(amounts)), float(np.std(amounts)) + 1e-6

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        return [Answer(abs(_motion(each) - self._mean) / self._deviation) for each in observations]


class WholeFrameNeighbour:
    """How far the embeddings of the frames are from the nearest of a normal frame; all of them are kept."""

    def learn(self, observations: Sequence[Observation]) -> None:
        self._bank = np.concatenate([_embeddings(observation) for observation in observations])

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        return [Answer(float((1 - _embeddings(each) @ self._bank.T).min(axis=1).mean())) for each in observations]


class Forest:
    """An isolation forest on the window's embeddings: mean frame, sound and words, zeros where there are none."""

    def learn(self, observations: Sequence[Observation]) -> None:
        self._words = max((each.segments[0].embedding.size for each in observations if each.segments), default=0)
        self._forest = IsolationForest(n_estimators=200, random_state=0).fit(self._vectors(observations))

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        return [Answer(-float(score)) for score in self._forest.score_samples(self._vectors(observations))]

    def _vectors(self, observations: Sequence[Observation]) -> np.ndarray:
        rows = []
        for observation in observations:
            said = [segment.embedding for segment in observation.segments]
            words = np.mean(said, axis=0) if said and self._words else np.zeros(self._words, np.float32)
            heard = np.mean([second.embedding for second in observation.seconds], axis=0)
            rows.append(np.concatenate([_embeddings(observation).mean(axis=0), heard, words]))
        return np.stack(rows)


def _embeddings(observation: Observation) -> np.ndarray:
    return np.stack([frame.embedding for frame in observation.frames])


def _differences(observation: Observation) -> list[float]:
    return [
        float(cv2.absdiff(one.thumbnail, other.thumbnail).mean()) for one, other in pairwise(observation.frames)
    ] or [0.0]


def _motion(observation: Observation) -> float:
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flows = [flow_of.calc(one.thumbnail, other.thumbnail, None) for one, other in pairwise(observation.frames)]
    return float(np.mean([np.hypot(flow[..., 0], flow[..., 1]).mean() for flow in flows])) if flows else 0.0


RIVALS: dict[str, ScorerMaker] = {
    "frame difference": FrameDifference,
    "motion z-score": MotionZScore,
    "whole-frame nearest neighbour": WholeFrameNeighbour,
    "isolation forest": Forest,
}
