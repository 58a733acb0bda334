"""What composed streams are made of, split by recording, and the model that is shipped for them.

Sounds of ESC-10: folds 1 and 2 are learned from, every fifth recording of each class apart, which thresholds and
calibration are chosen on; fold 3 is for the test. Clips likewise: no scene and no thing of one part is in another.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from processors.datasets.sounds import FOLD_GROUP, SoundClip, SoundFolder, list_sounds
from processors.errors import DatasetError, ModelError
from processors.models.fusion import TrainedFusion, load_trained
from processors.scenes.real.clips import find_clips
from processors.scenes.real.sounds import match_class

__all__ = [
    "COMPOSED_FACTS_PATH",
    "COMPOSED_WEIGHTS_PATH",
    "Material",
    "Part",
    "find_material",
    "find_own_material",
    "load_composed",
]

COMPOSED_WEIGHTS_PATH: Final = Path(__file__).parents[1] / "weights" / "composed.safetensors"
COMPOSED_FACTS_PATH: Final = COMPOSED_WEIGHTS_PATH.with_suffix(".json")

Part = Literal["training", "validation", "test"]

_CLIPS: Final[Mapping[Part, tuple[str, ...]]] = {
    "training": (
        "car-detection.mp4",
        "bottle-detection.mp4",
        "bbaf2n.mpg",
        "brbk7n.mpg",
        "lbax4n.mpg",
        "lbbc2a.mpg",
    ),
    "validation": ("lrwp9a.mpg", "lwbsza.mpg", "pwij3p.mpg"),
    "test": ("one-by-one-person-detection.mp4", "nasa_13013.mp4", "sbia1a.mpg", "sbwe5n.mpg", "swiz3n.mpg"),
}
_TEST_FOLD: Final = "3"
_VALIDATION_EVERY: Final = 5


@dataclass(frozen=True, slots=True)
class Material:
    """Files to compose from.

    Attributes:
        sounds: class, as `match_class` tells it, and file.
        clips: video files.
        passed_over: names of files that were left out since training has seen them.
    """

    sounds: tuple[tuple[str, Path], ...]
    clips: tuple[Path, ...]
    passed_over: tuple[str, ...] = ()


def find_material(data: Path, part: Part) -> Material:
    """The files of a part, out of a folder of data with `esc10` and `clips` in it.

    Raises:
        DatasetError: something of it is not there.
    """
    return Material(_find_sounds(data / "esc10", part), _find_part_clips(data / "clips", part))


def find_own_material(
    data: Path, *, sounds: Path | None, clips: Path | None, seen_sounds: Collection[str], seen_clips: Collection[str]
) -> Material:
    """The files to be judged on: all of one's own folders, or the test part of `data` for what is not given.

    Args:
        data: folder of data.
        sounds: one folder of sounds per class.
        clips: video files, in it and in the folders in it.
        seen_sounds: names of files that training has seen; they are passed over.
        seen_clips: likewise.

    Raises:
        DatasetError: a folder cannot be used, or holds nothing but what training has seen.
        SceneError: there is no such folder of clips, or no video in it.
    """
    passed_over: list[str] = []
    if sounds is None:
        chosen_sounds = _find_sounds(data / "esc10", "test")
    else:
        folder = list_sounds(sounds)
        passed_over += [clip.path.name for clip in folder.clips if clip.path.name in seen_sounds]
        chosen_sounds = _with_class(folder, [clip for clip in folder.clips if clip.path.name not in seen_sounds])
    if clips is None:
        chosen_clips = _find_part_clips(data / "clips", "test")
    else:
        found = find_clips(clips)
        passed_over += [path.name for path in found if path.name in seen_clips]
        chosen_clips = tuple(path for path in found if path.name not in seen_clips)
    if not chosen_sounds or not chosen_clips:
        raise DatasetError(
            f"{clips if chosen_sounds else sounds} holds only files that the model was trained on; add others"
        )
    return Material(chosen_sounds, chosen_clips, tuple(passed_over))


def load_composed() -> tuple[TrainedFusion, dict[str, Any]]:
    """The shipped model, and what is known of it.

    Raises:
        ModelError: a file is missing or damaged.
    """
    trained = load_trained(COMPOSED_WEIGHTS_PATH)
    try:
        facts: dict[str, Any] = json.loads(COMPOSED_FACTS_PATH.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(f"{COMPOSED_FACTS_PATH} cannot be read: {error}; install the package again") from error
    return trained, facts


def _find_sounds(folder: Path, part: Part) -> tuple[tuple[str, Path], ...]:
    found = list_sounds(folder)
    by_class: dict[int, list[SoundClip]] = {}
    for clip in found.clips:
        if (clip.group == FOLD_GROUP + _TEST_FOLD) == (part == "test"):
            by_class.setdefault(clip.label, []).append(clip)
    if part == "test":
        chosen = [clip for clips in by_class.values() for clip in clips]
    else:
        chosen = [
            clip
            for clips in by_class.values()
            for clip in clips
            if (_recordings(clips).index(_recording(clip)) % _VALIDATION_EVERY == 0) == (part == "validation")
        ]
    if not chosen:
        raise DatasetError(f"{folder} holds no sound of the {part} part; expected files named as in ESC-10, 3-136288-A")
    return _with_class(found, chosen)


def _with_class(folder: SoundFolder, clips: Collection[SoundClip]) -> tuple[tuple[str, Path], ...]:
    return tuple((match_class(folder.classes[clip.label]), clip.path) for clip in clips)


def _recording(clip: SoundClip) -> str:
    """What was cut from one recording shares all but the last letter of its name."""
    return clip.path.stem.rpartition("-")[0]


def _recordings(clips: Collection[SoundClip]) -> list[str]:
    return sorted({_recording(clip) for clip in clips})


def _find_part_clips(folder: Path, part: Part) -> tuple[Path, ...]:
    by_name = {path.name: path for path in find_clips(folder)} if folder.is_dir() else {}
    missing = [name for name in _CLIPS[part] if name not in by_name]
    if missing:
        raise DatasetError(f"{folder} lacks {', '.join(missing)}; name a folder of data that holds them, or --clips")
    return tuple(by_name[name] for name in _CLIPS[part])
