"""Why a window is unusual: where in the picture, in which seconds, and what such a window normally is."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import Part, WindowFeatures
from processors.normality.heat import heat_of
from processors.normality.judgement import UNUSUAL_P, Place
from processors.normality.part_normal import PartAnswer, PartNormal

__all__ = ["heats_of", "seconds_of", "similar_to"]

_LEAST_HEAT_P: Final = 1e-12
"""Below it the heat of a cell says no more."""
_MOST_SIMILAR: Final = 3
_HEARING: Final = (Part.SOUND, Part.LOUDNESS, Part.AGREEMENT)
"""Parts whose places are seconds of sound."""


def heats_of(
    features: WindowFeatures, normals: Mapping[Part, PartNormal], answers: Mapping[Part, PartAnswer]
) -> dict[Part, npt.NDArray[np.float32]]:
    """Of each part with places in the picture: float32 [R, C], -log10 of each cell's p."""
    heats = {}
    for part, answer in answers.items():
        if features.parts[part].is_in_picture:
            p = np.maximum(normals[part].p_of(answer.ratios), _LEAST_HEAT_P)
            heats[part] = heat_of(features.parts[part], np.abs(np.log10(p)))
    return heats


def seconds_of(
    features: WindowFeatures, normals: Mapping[Part, PartNormal], answers: Mapping[Part, PartAnswer]
) -> tuple[Place, ...]:
    """The seconds of sound in which a part that hears is unusual: each once, with its least p, in order of time."""
    least: dict[int, float] = {}
    for part in _HEARING:
        if part not in answers:
            continue
        p = normals[part].p_of(answers[part].ratios)
        for start_ms, each in zip(features.parts[part].starts_ms, p.tolist(), strict=False):
            if each <= UNUSUAL_P:
                least[start_ms] = min(each, least.get(start_ms, 1.0))
    return tuple(Place(start_ms, least[start_ms]) for start_ms in sorted(least))


def similar_to(answers: Mapping[Part, PartAnswer], source: str, size_ms: int) -> tuple[str, ...]:
    """Windows that the nearest prototypes were last seen in: the more of this window's vectors, the nearer."""
    votes: defaultdict[int, float] = defaultdict(float)
    for answer in answers.values():
        for start_ms in answer.like_ms[answer.like_ms >= 0].tolist():
            votes[start_ms] += 1 / len(answer.like_ms)
    ranked = sorted(votes, key=lambda start_ms: (-votes[start_ms], -start_ms))
    return tuple(f"{source}/{start_ms}/{size_ms}" for start_ms in ranked[:_MOST_SIMILAR])
