"""One figure out of the p-values of a window's parts, without assuming that they are independent."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from processors.normality.features import Part

__all__ = ["fuse"]

_VOICES: Final = (
    (Part.APPEARANCE, Part.MOTION, Part.THINGS, Part.LOOKS, Part.SCENE, Part.LIGHT, Part.STEADINESS),
    (Part.SOUND, Part.LOUDNESS, Part.TALK),
    (Part.WORDS, Part.VOCABULARY),
    (Part.AGREEMENT,),
    (Part.STATES,),
)
"""Parts that speak together: a picture is not heard seven times because it is looked at in seven ways."""

_WITHIN: Final = 0.35
"""Exponent among the parts of a voice. 1 is the harmonic mean, which sees the least likely alone; towards 0 all count
alike. What several find a little unlikely, such as a thing that was left behind, adds up."""

_WEIGHTS: Final = {Part.THINGS: 2.0}
"""Of a part within its voice, 1 of others: what passes, and how fast, is what most places are watched for. Light and
steadiness, which say nothing of it, would drown it."""

_BETWEEN: Final = 1.0
"""Exponent among voices: what is only heard must not be outvoted by what is seen."""


def fuse(p_values: Mapping[Part, float], vouched: float = math.inf) -> float:
    """How unusual the parts are together, as minus the logarithm to base 10 of means of their p-values.

    Weighted power means of p-values (Vovk and Wang, 2020), first within a modality, then over modalities: they hold for
    parts that depend on each other in any way. The figure is no p-value itself: a calibrator of such figures makes it
    one.

    Args:
        p_values: above 0, at most 1, of the parts that are there and warm.
        vouched: minus the logarithm to base 10 of the least p-value that a part can vouch for. What it says beyond, it
            says by the shape of a tail alone: that counts by its logarithm, and keeps its order.

    Returns:
        At least 0; 0 for no parts.
    """
    voices = [
        [(_weigh(p_values[part], vouched), _WEIGHTS.get(part, 1.0)) for part in voice if part in p_values]
        for voice in _VOICES
    ]
    spoken = [(_average(voice, _WITHIN), 1.0) for voice in voices if voice]
    return _average(spoken, _BETWEEN) if spoken else 0.0


def _weigh(p_value: float, vouched: float) -> float:
    evidence = -math.log10(p_value)
    return evidence if evidence <= vouched else vouched + math.log10(1 + evidence - vouched)


def _average(weighed: Sequence[tuple[float, float]], exponent: float) -> float:
    """Of figures of up to 300, whose powers a float holds, each with its weight."""
    powers = sum(weight * 10 ** (exponent * figure) for figure, weight in weighed)
    return math.log10(powers / sum(weight for _, weight in weighed)) / exponent
