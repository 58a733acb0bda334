"""The clips of composed streams: each a scene, most also a place from which things are cut out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from processors.scenes.clip import read_clip
from processors.scenes.real.things import Thing, cut_things
from processors.scenes.settings import SceneError

__all__ = ["CLIP_SUFFIXES", "ClipBank", "find_clips", "read_clips"]

CLIP_SUFFIXES: Final = frozenset({".mp4", ".mpg", ".mpeg", ".mkv", ".webm", ".mov", ".avi", ".m4v"})
_SCENE_FPS: Final = 5.0
_THING_FPS: Final = 4.0
_MOST_THING_FRAMES: Final = 600
"""Two and a half minutes, 170 MB while they are looked through."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipBank:
    """What streams are made of in the picture.

    Attributes:
        scenes: name of a clip -> uint8 [N, H, W, 3] RGB, five frames a second.
        things: cut out of them.
        unreadable: names of files that hold no video that can be read.
    """

    scenes: dict[str, NDArray[np.uint8]]
    things: tuple[Thing, ...]
    unreadable: tuple[str, ...] = ()


def find_clips(folder: Path) -> list[Path]:
    """The video files of a folder and of those in it, in order of name.

    Raises:
        SceneError: there is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise SceneError(f"scene: {folder} is {'a file' if folder.exists() else 'not there'}; name a folder of clips")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in CLIP_SUFFIXES and path.is_file())
    if not found:
        raise SceneError(f"scene: {folder} holds no clip that ends in {', '.join(sorted(CLIP_SUFFIXES))}; add one")
    return found


def read_clips(paths: Sequence[Path], *, width_px: int = 320, height_px: int = 240) -> ClipBank:
    """Read clips as scenes, and cut the moving things out of them.

    Args:
        paths: of media files with video; each of another name.
        width_px: of the streams to be composed.
        height_px: of them.

    Raises:
        SceneError: no clip can be read, or nothing moves before a still or plain background in any of them.
    """
    scenes: dict[str, NDArray[np.uint8]] = {}
    things: list[Thing] = []
    faults: dict[str, SceneError] = {}
    for path in paths:
        try:
            scenes[path.name] = read_clip(path, width_px=width_px, height_px=height_px, fps=_SCENE_FPS)
            wide = read_clip(
                path, width_px=width_px, height_px=height_px, fps=_THING_FPS, most_frames=_MOST_THING_FRAMES
            )
        except SceneError as error:
            faults[path.name] = error
            continue
        things += cut_things(path.name, wide)
    if faults and not scenes:
        raise next(iter(faults.values()))
    if not things:
        raise SceneError(
            f"scene: nothing can be cut out of {', '.join(scenes) or 'no clip'}: in none of them does a thing move "
            "before a still or plain background; add a clip from a camera that stands still"
        )
    return ClipBank(scenes, tuple(things), tuple(faults))
