"""What is heard and said in a window, as parts of its features."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.camera import measure_exposure
from processors.normality.features import Part, PartFeatures
from processors.normality.observation import HeardSecond, Observation
from processors.normality.projection import project
from processors.normality.sound_measures import SOUND_MEASURES

__all__ = ["LOUDNESS_UNITS", "TALK_MEASURES", "listen", "words_of"]

TALK_MEASURES: Final = ("words", "voice")
"""log2 of 1 + words a second; how far the window's most voiced second sounds like a voice, in eighths."""

LOUDNESS_UNITS: Final = np.array([0.2, 20.0, 20.0, 4.0], np.float32)
"""Of `SOUND_MEASURES`: 5 dB, a twentieth of flux, 5 % clipped, a quarter of a voice are what a person would hear."""

_PAIR_DIMS: Final = 6
"""Of each of two embeddings that are looked at together."""

_LEVEL, _VOICE = (SOUND_MEASURES.index(name) for name in ("level_db", "voice"))

_WORD: Final = re.compile(r"\w+(?:['’]\w+)*")


def listen(observation: Observation) -> dict[Part, PartFeatures]:
    """The parts of sound and words: those that the window has something for."""
    parts: dict[Part, PartFeatures] = {}
    seconds, segments = observation.seconds, observation.segments
    if seconds:
        moments = tuple(second.start_ms for second in seconds)
        parts[Part.SOUND] = PartFeatures(np.stack([second.embedding for second in seconds]), None, moments)
        measures = np.stack([second.measures for second in seconds]) * LOUDNESS_UNITS
        parts[Part.LOUDNESS] = PartFeatures(measures.astype(np.float32), None, moments)
    if segments:
        said = np.stack([segment.embedding for segment in segments])
        parts[Part.WORDS] = PartFeatures(said, None, tuple(segment.start_ms for segment in segments))
    if seconds or segments:
        parts[Part.TALK] = PartFeatures(_talk(observation, seconds)[None])
    if seconds and observation.frames:
        parts[Part.AGREEMENT] = PartFeatures(_pairs(observation), None, tuple(each.start_ms for each in seconds))
    return parts


def words_of(observation: Observation) -> tuple[str, ...]:
    """The words that are said in a window, in lower case and in order."""
    return tuple(_WORD.findall(" ".join(segment.text for segment in observation.segments).lower()))


def _talk(observation: Observation, seconds: Sequence[HeardSecond]) -> npt.NDArray[np.float32]:
    words = 0.0
    for segment in observation.segments:
        inside_ms = min(segment.end_ms, observation.end_ms) - max(segment.start_ms, observation.start_ms)
        share = inside_ms / (segment.end_ms - segment.start_ms) if segment.end_ms > segment.start_ms else 1.0
        words += share * len(_WORD.findall(segment.text))
    per_second = 1000 * words / (observation.end_ms - observation.start_ms)
    voiced = max((float(second.measures[_VOICE]) for second in seconds), default=0.0)
    return np.array([np.log2(1 + per_second), 8 * voiced], np.float32)


def _pairs(observation: Observation) -> npt.NDArray[np.float32]:
    """Each second of sound beside the picture and the light of its time: float32 [S, 16]."""
    frames = observation.frames
    rows = []
    for second in observation.seconds:
        shown = [frame for frame in frames if second.start_ms <= frame.at_ms < second.end_ms] or frames
        picture = np.mean([frame.embedding for frame in shown], axis=0)
        light = measure_exposure(shown)
        level = second.measures[[_LEVEL, _VOICE]] * LOUDNESS_UNITS[[_LEVEL, _VOICE]]
        rows.append(np.concatenate([_short(picture), light, _short(second.embedding), level]))
    return np.stack(rows).astype(np.float32)


def _short(embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return project(embedding[None].astype(np.float32), _PAIR_DIMS)[0]
