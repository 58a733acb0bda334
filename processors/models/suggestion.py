"""Which windows a person should look at next: those whose labels would teach a model most.

A window teaches when the model is unsure of it, or when its modalities pull an answer apart; and the less it resembles
what was looked at already. The last is the greedy farthest-first traversal of core-set selection (Sener and Savarese,
"Active learning for convolutional neural networks: a core-set approach", ICLR 2018), in which each distance is weighed
by what the window would teach by itself, so that not ten alike are named. Needs numpy alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["AnsweredWindows", "Suggested", "disagreement", "suggest", "uncertainty"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredWindows:
    """What a model said of N windows.

    Attributes:
        probabilities: [N, C], 0 to 1.
        contributions: [N, M, C], the probability less the one without that modality; 0 where it is absent.
        embeddings: [N, D], unit length.
    """

    probabilities: Floats
    contributions: Floats
    embeddings: Floats

    def __len__(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, slots=True)
class Suggested:
    """A window that somebody should look at, and why.

    Attributes:
        index: of the window.
        uncertainty: how near the probability of its least certain class is to that class's threshold, 0 to 1.
        uncertain_class: index of that class.
        disagreement: how hard its modalities pull the probability of one class in opposite directions, 0 to 1.
        disputed_class: index of that class.
        novelty: half the distance to the nearest embedding of those looked at and those suggested before it, 0 to 1; 1
            where there is none.
    """

    index: int
    uncertainty: float
    uncertain_class: int
    disagreement: float
    disputed_class: int
    novelty: float


def uncertainty(probabilities: Floats, thresholds: Floats) -> Floats:
    """Entropy in bits of each answer, after its threshold was moved to one half.

    Args:
        probabilities: [N, C].
        thresholds: [C], each from 0 to 1: from there on the class counts as an event.

    Returns:
        [N, C]: 1 at the threshold, falling to 0 at probability 0 and at 1.
    """
    below = 0.5 * probabilities / np.where(thresholds > 0, thresholds, 1.0)
    above = 0.5 + 0.5 * (probabilities - thresholds) / np.where(thresholds < 1, 1 - thresholds, 1.0)
    moved: Floats = np.clip(np.where(probabilities < thresholds, below, above), 0.0, 1.0)
    return _bits(moved) + _bits(1 - moved)


def disagreement(contributions: Floats) -> Floats:
    """The weaker of two pulls: what speaks for a class most, and what speaks against it most.

    Args:
        contributions: [N, M, C].

    Returns:
        [N, C], 0 where no two modalities pull in opposite directions.
    """
    return np.clip(np.minimum(contributions.max(axis=1), -contributions.min(axis=1)), 0.0, 1.0)


def suggest(windows: AnsweredWindows, thresholds: Floats, looked_at: Floats) -> Iterator[Suggested]:
    """Windows in the order in which they should be looked at, as many as are asked for.

    Each is the one with the largest product of what it would teach by itself, `1 - (1 - uncertainty) * (1 -
    disagreement)`, and its distance from all that were looked at or named before it. A window whose embedding is one of
    theirs comes after every other; among equals the earlier index comes first.

    Args:
        windows: without a label.
        thresholds: [C], each from 0 to 1.
        looked_at: [K, D], unit length: embeddings of windows that have a label.

    Raises:
        ModelError: the shapes do not fit each other, or a threshold is not from 0 to 1.
    """
    _check(windows, thresholds, looked_at)
    return _traverse(windows, thresholds, looked_at)


def _traverse(windows: AnsweredWindows, thresholds: Floats, looked_at: Floats) -> Iterator[Suggested]:
    if not len(windows):
        return
    doubts, disputes = uncertainty(windows.probabilities, thresholds), disagreement(windows.contributions)
    doubt, dispute = doubts.max(axis=1), disputes.max(axis=1)
    teaches = 1 - (1 - doubt) * (1 - dispute)
    novelty = np.ones(len(windows))
    for embedding in looked_at:
        novelty = np.minimum(novelty, _half_distances(windows.embeddings, embedding))
    is_left = np.ones(len(windows), np.bool_)
    while is_left.any():
        # Where nothing is new or nothing is open any more, the order by what a window teaches alone goes on.
        ranks = np.where(is_left, teaches * novelty, -1.0)
        best = np.flatnonzero(ranks == ranks.max())
        index = int(best[teaches[best].argmax()])
        is_left[index] = False
        yield Suggested(
            index,
            uncertainty=float(doubt[index]),
            uncertain_class=int(doubts[index].argmax()),
            disagreement=float(dispute[index]),
            disputed_class=int(disputes[index].argmax()),
            novelty=float(novelty[index]),
        )
        novelty = np.minimum(novelty, _half_distances(windows.embeddings, windows.embeddings[index]))


def _half_distances(embeddings: Floats, other: Floats) -> Floats:
    """Half the distance between points of the unit sphere, 0 to 1."""
    return np.clip(np.linalg.norm(embeddings - other, axis=1) / 2, 0.0, 1.0)


def _bits(share: Floats) -> Floats:
    return -share * np.log2(np.where(share > 0, share, 1.0))


def _check(windows: AnsweredWindows, thresholds: Floats, looked_at: Floats) -> None:
    count, classes = windows.probabilities.shape
    dim = windows.embeddings.shape[1]
    got = (windows.contributions.shape[::2], windows.embeddings.shape[0], thresholds.shape, looked_at.shape[1])
    if got != ((count, classes), count, (classes,), dim):
        raise ModelError(
            f"windows to suggest from: probabilities [{count}, {classes}] with contributions "
            f"{list(windows.contributions.shape)}, embeddings {list(windows.embeddings.shape)}, thresholds "
            f"{list(thresholds.shape)} and embeddings looked at {list(looked_at.shape)}; expected [{count}, M, "
            f"{classes}], [{count}, D], [{classes}] and [K, D]"
        )
    if not ((thresholds >= 0) & (thresholds <= 1)).all():
        raise ModelError(f"thresholds must lie from 0 to 1, got {thresholds.tolist()}")
