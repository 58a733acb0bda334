"""From an observation to the features of its window. Pure: the same observation gives the same features."""

from processors.normality.appearance import describe_appearance, describe_scene
from processors.normality.camera import measure_light, measure_steadiness, small_picture
from processors.normality.features import Part, PartFeatures, WindowFeatures
from processors.normality.hearing import listen, words_of
from processors.normality.motion import MotionOf, describe_motion, frame_motion, pair_frames
from processors.normality.observation import Observation

__all__ = ["extract"]


def extract(observation: Observation, motion_of: MotionOf = frame_motion) -> WindowFeatures:
    """The features of one window.

    Args:
        observation: of any subset of the modalities, none included.
        motion_of: measures a pair of frames; a `RecentMotion` where windows overlap, so that none is measured twice.
    """
    parts: dict[Part, PartFeatures] = {}
    frames = observation.frames
    if frames:
        parts[Part.APPEARANCE] = describe_appearance(frames)
        parts |= describe_motion([motion_of(before, after) for before, after in pair_frames(frames)])
        parts[Part.SCENE] = describe_scene(frames)
        parts[Part.LIGHT] = PartFeatures(measure_light(frames)[None])
        if len(frames) > 1:
            parts[Part.STEADINESS] = PartFeatures(measure_steadiness(frames)[None])
    parts |= listen(observation)
    picture = small_picture(frames) if frames else None
    return WindowFeatures(observation.start_ms, observation.end_ms, parts, words_of(observation), picture)
