"""Each source's own normal, learned from its windows: what is unusual, how unusual, and where.

observation -> features -> baseline -> judgement. Pure and deterministic: the same windows in the same order give the
same baseline to the byte. No framework, no clock, no I/O.
"""

from processors.normality.baseline import SourceBaseline
from processors.normality.extraction import extract
from processors.normality.features import Part, PartFeatures, WindowFeatures
from processors.normality.judgement import Judgement
from processors.normality.observation import HeardSecond, Observation, SeenFrame, SpokenSegment

__all__ = [
    "HeardSecond",
    "Judgement",
    "Observation",
    "Part",
    "PartFeatures",
    "SeenFrame",
    "SourceBaseline",
    "SpokenSegment",
    "WindowFeatures",
    "extract",
]
