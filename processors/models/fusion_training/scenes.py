"""From a seed to an encoded scene: composed, compressed, encoded, and kept in a folder for the next run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.models.fusion_training.footage import vary_footage
from processors.models.local_encoders import Encoders
from processors.scenes import (
    LabelledEvent,
    LineShare,
    Scene,
    SceneSettings,
    compose_scene,
    find_packaged_clip,
    label_scene,
    read_clip,
)

__all__ = ["EncodedScene", "Items", "compress_frame", "encode_scene", "load_scene", "packaged_clips"]

_JPEG_QUALITY = 85
"""What ingest compresses frames with."""

_CLIPS: Final = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")
_SIZE_PX: Final = (320, 240)
_CHUNK_MS: Final = 1000
# A recording has been through a video codec before ingest makes a JPEG of it: a coarser JPEG stands for that.
_CODEC_QUALITY: Final = (40, 90)


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """The items of one modality: embeddings float32 [N, D] and spans int64 [N, 2] in milliseconds, in order of time."""

    embeddings: npt.NDArray[np.float32]
    spans_ms: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedScene:
    """What training knows of a scene.

    Attributes:
        items: per modality.
        lines: what is said, one per transcript item.
        events: what happens.
        duration_ms: length of the scene.
    """

    items: dict[Modality, Items]
    lines: tuple[str, ...]
    events: tuple[LabelledEvent, ...]
    duration_ms: int


def load_scene(
    seed: int, lines: LineShare, clips: Sequence[Path], cache: Path, encoders: Encoders, *, varied: bool = False
) -> EncodedScene:
    """The encoded scene of a seed, its embeddings read from `cache` or put there.

    Clip, frame rate, loudness and pace are drawn from the seed too, so that a set of seeds is a varied set of scenes.

    Args:
        seed: of everything.
        lines: which lines may be spoken.
        clips: one of them lies under the scene; a cache holds for one list of clips per seed.
        cache: folder of embeddings.
        encoders: with what to encode.
        varied: whether the clip is first made into another one.
    """
    rng = np.random.default_rng((seed, 17))
    clip = clips[int(rng.integers(len(clips)))]
    settings = SceneSettings(
        seed=seed,
        duration_s=float(rng.choice([40.0, 50.0])),
        fps=float(rng.choice([2.5, 5.0])),
        width_px=_SIZE_PX[0],
        height_px=_SIZE_PX[1],
        snr_db=float(rng.uniform(5.0, 15.0)),
        event_every_s=float(rng.uniform(7.0, 10.0)),
        lines=lines,
        clip=clip,
    )
    path = cache / f"{seed}-{lines.value}.npz"
    if not path.is_file():
        footage = _vary(settings, clip, clips, np.random.default_rng((seed, 20))) if varied else None
        encoded = encode_scene(compose_scene(settings, footage), encoders, np.random.default_rng((seed, 18)))
        cache.mkdir(parents=True, exist_ok=True)
        arrays = {modality.value: items.embeddings.astype(np.float16) for modality, items in encoded.items.items()}
        with path.open("wb") as file:
            np.savez(file, **arrays)
    # Read back in any case: the half precision of the file is what every run learns from.
    with np.load(path, allow_pickle=False) as stored:
        return _assemble(settings, {modality: stored[modality.value] for modality in Modality})


def encode_scene(scene: Scene, encoders: Encoders, rng: np.random.Generator | None = None) -> EncodedScene:
    """Encode a scene as ingest and the encoders do.

    Args:
        scene: what to encode.
        encoders: with what.
        rng: draws for each scene how badly its video was compressed before; without it, it was not.
    """
    codec_quality = None if rng is None else int(rng.integers(*_CODEC_QUALITY))
    jpegs = []
    for frame in scene.frames():
        pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        if codec_quality is not None:
            pixels = cv2.imdecode(compress_frame(pixels, codec_quality), cv2.IMREAD_COLOR)
        jpegs.append(compress_frame(pixels).tobytes())
    return _assemble(
        scene.settings,
        {
            Modality.VIDEO: encoders.encode_frames(jpegs),
            Modality.AUDIO: encoders.encode_sound(scene.sound),
            Modality.TRANSCRIPT: encoders.encode_lines([cue.text for cue in scene.cues]),
        },
    )


def packaged_clips() -> list[Path]:
    """The clips under the scenes that everyone can compose; nothing learns from them."""
    return [find_packaged_clip(name) for name in _CLIPS]


def compress_frame(pixels: npt.NDArray[np.uint8], quality: int = _JPEG_QUALITY) -> npt.NDArray[np.uint8]:
    """JPEG of uint8 [H, W, 3] BGR, as bytes."""
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]


def _vary(
    settings: SceneSettings, clip: Path, others: Sequence[Path], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Footage made of a clip, and perhaps of one of the others."""
    own, other = (
        read_clip(path, width_px=settings.width_px, height_px=settings.height_px, fps=settings.fps)
        for path in (clip, others[int(rng.integers(len(others)))])
    )
    return vary_footage(own, other, rng)


def _assemble(settings: SceneSettings, embeddings: dict[Modality, npt.NDArray[np.generic]]) -> EncodedScene:
    labels, cues = label_scene(settings)
    spans = {
        Modality.VIDEO: [(int(index * 1000 / settings.fps),) * 2 for index in range(len(embeddings[Modality.VIDEO]))],
        Modality.AUDIO: [
            (ms, ms + _CHUNK_MS) for ms in range(0, _CHUNK_MS * len(embeddings[Modality.AUDIO]), _CHUNK_MS)
        ],
        Modality.TRANSCRIPT: [(cue.start_ms, cue.end_ms) for cue in cues],
    }
    items = {
        modality: Items(embeddings[modality].astype(np.float32), np.array(spans[modality], np.int64).reshape(-1, 2))
        for modality in Modality
    }
    return EncodedScene(items, tuple(cue.text for cue in cues), labels.events, settings.duration_ms)
