"""What is wrong with a modality, by name: told from what its source normally is, absolutely only where that is safe.

| name | what is seen |
|---|---|
| `video.frozen` | every frame equals the one before it, which never happened before |
| `video.dark` | nearly black, or far darker than ever with the same things in it |
| `video.covered` | neither the usual things nor any others |
| `video.blurred` | the usual things, far less sharp than ever |
| `video.moved` | sharp, but other things than ever |
| `video.shaken` | the whole picture jumps more than ever |
| `audio.muted` | silence or nearly so, where there always was sound |
| `audio.clipped` | samples at full scale, where there hardly were any |
| `transcript.silent` | a voice, and no words, where words always came with a voice |
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import cv2
import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.bounds import Bounds
from processors.normality.camera import LIGHT_MEASURES, PICTURE_SHAPE, STEADINESS_MEASURES
from processors.normality.features import Part, WindowFeatures
from processors.normality.hearing import LOUDNESS_UNITS, TALK_MEASURES
from processors.normality.median import median
from processors.normality.sound_measures import SILENCE_DB, SOUND_MEASURES
from processors.normality.state_groups import grouped

__all__ = ["STATES", "NormalState"]

STATES: Final = (
    "video.frozen",
    "video.dark",
    "video.covered",
    "video.blurred",
    "video.moved",
    "video.shaken",
    "audio.muted",
    "audio.clipped",
    "transcript.silent",
)

_WARM: Final = 30
"""Windows of a modality from which on its own normal counts."""
_SETTLED: Final = 2 * _WARM
"""Windows from which on the picture of the scene is compared with others."""
_HALF_LIFE: Final = 2_000
"""Windows after which a picture is half another."""
_MEAN_STEP: Final = 1 - 0.5 ** (1 / 5_000)
_NOTICED: Final = {
    "brightness": 1.0,
    "contrast": 1.0,
    "sharpness": 0.5,
    "plain": 0.5,
    "change": 1.5,
    "change_max": 1.5,
    "still": 1.0,
    "shake": 1.0,
    "likeness": 0.1,
    "astray": 0.15,
    "calm_likeness": 0.1,
    "calm_astray": 0.15,
    "loudest": 10.0,
    "clipped_share": 0.004,
    "wordless": 0.5,
}
"""What bounds are kept of, and how far beyond them it gives a name. Where less moves than usual, a picture that is
unlike the scene means more."""
_MEASURES: Final = tuple(_NOTICED)
_REACHES: Final = np.array(list(_NOTICED.values()), np.float32)
_LATE: Final = np.array(
    [_SETTLED * (2 if "calm" in name else "likeness" in name or "astray" in name) for name in _MEASURES], np.float32
)
"""What is compared with the picture of the scene is measured once that is settled, and in half of the windows."""
_VOICED: Final = 1.2
"""Eighths of a voice from which on a recogniser should have heard words."""
_STRANGE: Final = 16.0
"""Grey levels by which a window moves the picture of the scene at most, before its share is taken."""
_REACH: Final = 4
"""A turn of the camera is looked for up to this part of the picture."""
_WORDLESS: Final = 0.06
"""A voice without words is nothing where more of the voices have none."""
_BLACK: Final = 0.6
"""Steps of 16 grey levels: about ten levels, in which nothing can be told from a covered lens."""


class NormalState:
    """Within which bounds a source's light, steadiness, sound and speech normally are, and what its camera shows.

    Up to 5 % of odd windows do not move the bounds, scattered or all at once; what lasts for 450 windows and is more
    than 6 % of what was seen does. The picture of the scene is not learned from windows with a name, once it is known.
    """

    def __init__(self) -> None:
        self._bounds = Bounds(_REACHES, _WARM, _LATE)
        self._mean = np.zeros(len(_MEASURES), np.float32)
        self._picture = np.zeros(PICTURE_SHAPE, np.float32)

    def name(self, features: WindowFeatures, measured: Mapping[str, float] | None = None) -> tuple[str, ...]:
        """Name what is wrong in a window, in the order of `STATES`. Changes nothing.

        Args:
            features: of the window.
            measured: of `measure`, where nothing was learned since; None to measure again.
        """
        now = self.measure(features) if measured is None else measured
        states = self._name_video(now) | self._name_sound(now)
        return tuple(state for state in STATES if state in states)

    def learn(
        self, features: WindowFeatures, *, trusted: bool = False, measured: Mapping[str, float] | None = None
    ) -> None:
        """Learn from a window.

        Args:
            features: of the window.
            trusted: whether somebody vouches that it is normal.
            measured: of `measure`, where nothing was learned since; None to measure again.
        """
        now = self.measure(features) if measured is None else measured
        is_named = bool(self._name_video(now))
        is_known = self._is_warm("brightness")
        here = np.array([now.get(name, np.nan) for name in _MEASURES], np.float32)
        self._bounds.learn(here, trusted=trusted)
        step = np.maximum(1 / np.maximum(self._bounds.seen, 1), np.float32(_MEAN_STEP))
        self._mean += np.where(np.isfinite(here), step * (here - self._mean), 0)
        if features.picture is None or (is_named and is_known and not trusted):
            return
        seen = float(self._bounds.seen[_MEASURES.index("brightness")])
        share, away = 1 / seen, features.picture - self._picture
        if is_known:
            # What passes through the picture is not the scene. Rather by the latest windows: the first may be odd.
            share, away = max(4 / (seen + 3), 1 - 0.5 ** (1 / _HALF_LIFE)), np.clip(away, -_STRANGE, _STRANGE)
        self._picture += np.float32(share) * away

    def state(self) -> dict[str, npt.NDArray[np.floating[Any]]]:
        """All of it, the picture in half precision; `from_state` makes it again."""
        bounds = {f"bounds.{name}": array for name, array in self._bounds.state().items()}
        return {"means": self._mean, "picture": self._picture.astype(np.float16), **bounds}

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Read what `state` gave.

        Raises:
            ModelError: an array is missing, or is of another shape.
        """
        made = cls()
        for name, own in (("means", made._mean), ("picture", made._picture)):
            given = arrays.get(name)
            if given is None or given.shape != own.shape:
                got = "nothing" if given is None else f"shape {list(given.shape)}"
                raise ModelError(f"the normal state has {got} as `{name}`, expected shape {list(own.shape)}")
            own[...] = given
        made._bounds.take_up(grouped(arrays)["bounds"])
        return made

    def measure(self, features: WindowFeatures) -> Mapping[str, float]:
        """What is compared with its bounds, by name: of the modalities that are there, and of the scene once known."""
        now: dict[str, float] = {}
        parts = features.parts
        for part, names in ((Part.LIGHT, LIGHT_MEASURES), (Part.STEADINESS, STEADINESS_MEASURES)):
            if part in parts:
                now |= dict(zip(names, map(float, parts[part].vectors[0]), strict=True))
        if features.picture is not None and self._bounds.seen[_MEASURES.index("brightness")] >= _SETTLED:
            likeness, astray = _compare(features.picture, self._picture)
            now |= {"likeness": likeness, "astray": astray}
            if now.get("change", np.inf) <= self._mean[_MEASURES.index("change")]:
                now |= {"calm_likeness": likeness, "calm_astray": astray}
        if Part.LOUDNESS in parts:
            measures = parts[Part.LOUDNESS].vectors / LOUDNESS_UNITS
            now["loudest"] = float(measures[:, SOUND_MEASURES.index("level_db")].max())
            now["clipped_share"] = float(measures[:, SOUND_MEASURES.index("clipped_share")].max())
        if Part.TALK in parts:
            words, voice = (float(parts[Part.TALK].vectors[0, TALK_MEASURES.index(name)]) for name in TALK_MEASURES)
            if voice >= _VOICED:
                now["wordless"] = float(words == 0)
        return now

    def _is_warm(self, name: str) -> bool:
        return bool(self._bounds.seen[_MEASURES.index(name)] >= _WARM)

    def _below(self, now: Mapping[str, float], name: str) -> float:
        """How far a measure lies below its least; negative where it does not, or where that is not known."""
        if name not in now or not self._is_warm(name):
            return -np.inf
        return float(self._bounds.low[_MEASURES.index(name)]) - now[name]

    def _above(self, now: Mapping[str, float], name: str) -> float:
        """How far a measure lies above its most; negative where it does not, or where that is not known."""
        if name not in now or not self._is_warm(name):
            return -np.inf
        return now[name] - float(self._bounds.high[_MEASURES.index(name)])

    def _name_video(self, now: Mapping[str, float]) -> set[str]:
        states: set[str] = set()
        if "brightness" not in now:
            return states
        is_other = any(
            self._below(now, f"{when}likeness") >= 0.1 or self._above(now, f"{when}astray") >= 0.15
            for when in ("", "calm_")
        )
        is_black = now["brightness"] <= _BLACK and (
            not self._is_warm("brightness") or self._below(now, "brightness") > 0
        )
        if is_black or (not is_other and self._is_far_darker(now)):
            states.add("video.dark")
        elif is_other and self._is_empty(now):
            states.add("video.covered")
        elif now.get("still") == 8 and self._below(now, "change_max") >= 1.5:
            states.add("video.frozen")  # what it shows was there before, however strange
        elif not is_other and self._below(now, "sharpness") >= 0.5:
            states.add("video.blurred")
        elif self._above(now, "shake") >= 1 and now["shake"] >= 1:
            states.add("video.shaken")
        elif is_other:
            states.add("video.moved")
        return states

    def _is_empty(self, now: Mapping[str, float]) -> bool:
        return self._above(now, "plain") >= 0.5 and (now["plain"] >= 7 or self._below(now, "contrast") >= 1)

    def _is_far_darker(self, now: Mapping[str, float]) -> bool:
        return self._below(now, "brightness") >= max(1.0, now["brightness"])

    def _name_sound(self, now: Mapping[str, float]) -> set[str]:
        states = set()
        if "loudest" in now:
            fallen_db = self._below(now, "loudest")
            if fallen_db >= 25 or (fallen_db >= 10 and now["loudest"] <= SILENCE_DB + 10):
                states.add("audio.muted")
            if now["clipped_share"] >= 0.005 and self._above(now, "clipped_share") >= 0.004:
                states.add("audio.clipped")
        wordless = self._mean[_MEASURES.index("wordless")]
        if now.get("wordless") == 1 and self._is_warm("wordless") and wordless <= _WORDLESS:
            states.add("transcript.silent")
        return states


def _compare(picture: npt.NDArray[np.uint8], reference: npt.NDArray[np.float32]) -> tuple[float, float]:
    """How far the edges of two pictures agree in place and direction, -1 to 1; and how much more they do elsewhere.

    Whatever their light and contrast; a few strong edges, such as those of a bright thing that passes, do not outweigh
    the many of the scene.
    """
    ours, theirs = _edges(picture.astype(np.float32)), _edges(reference)
    energy = np.sqrt((ours**2).sum() * (theirs**2).sum())
    likeness = float((ours * theirs).sum() / energy) if energy > 0 else 0.0
    rows, columns = (side // _REACH for side in PICTURE_SHAPE)
    found = cv2.matchTemplate(theirs, ours[rows:-rows, columns:-columns].copy(), cv2.TM_CCORR_NORMED)
    here = found[rows - 1 : rows + 2, columns - 1 : columns + 2].max()
    return likeness, float(found.max() - here)


def _edges(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    smooth = cv2.GaussianBlur(picture, (0, 0), 1)
    slopes = np.stack([cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)], axis=-1)
    strength = np.sqrt((slopes**2).sum(axis=-1, keepdims=True))
    edges: npt.NDArray[np.float32] = slopes / (strength + np.float32(2 * median(strength)) + np.float32(0.1))
    return edges
