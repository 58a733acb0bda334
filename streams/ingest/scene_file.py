"""A composed scene as files: a video that `braid ingest` and any player play, subtitles and labels beside it.

The sound is FLAC: no encoder's delay, padding or loss, so that it comes back sample by sample where it was laid.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import cast

import av
import numpy as np
from av import AudioStream, VideoStream
from av.container import OutputContainer
from numpy.typing import NDArray

from processors.scenes import SOUND_RATE_HZ, Cue, Scene
from streams.errors import MediaError

__all__ = ["SceneFiles", "webvtt", "write_scene"]

_SUFFIXES = (".mp4", ".mkv")
_H264 = "libx264"
_MPEG4_FALLBACK = "mpeg4"
_FALLBACK_BITS_PER_S = 4_000_000


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """Where a scene was written.

    Attributes:
        media: picture and sound.
        subtitles: the words, WebVTT.
        labels: what happens when, JSON in the schema of `processors.scenes.labels`.
    """

    media: Path
    subtitles: Path
    labels: Path


def write_scene(scene: Scene, out: Path) -> SceneFiles:
    """Write a scene; each file appears whole or not at all, the video last.

    Args:
        scene: as composed.
        out: the video to write, `.mp4` or `.mkv`; subtitles and labels take its name with `.vtt` and `.labels.json`.

    Raises:
        MediaError: `out` has another suffix, or its directory cannot be written.
    """
    if out.suffix.lower() not in _SUFFIXES:
        raise MediaError(
            f"{out} does not end in {' or '.join(_SUFFIXES)}; name the scene's video so", code="media.suffix"
        )
    files = SceneFiles(out, out.with_suffix(".vtt"), out.with_suffix(".labels.json"))
    try:
        with _whole(files.labels) as part:
            part.write_text(scene.labels.to_json(), encoding="utf-8")
        with _whole(files.subtitles) as part:
            part.write_text(webvtt(scene.cues), encoding="utf-8")
        with _whole(files.media) as part, av.open(str(part), "w") as container:
            _write_media(scene, container)
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"the scene cannot be written to {out}: {error}; choose a directory that exists, is writable and has room",
            code="media.unwritable",
        ) from error
    return files


def webvtt(cues: tuple[Cue, ...]) -> str:
    """Subtitles in the WebVTT format (W3C, section 4), times exact to the millisecond."""
    blocks = [
        f"{_vtt_time(cue.start_ms)} --> {_vtt_time(cue.end_ms)}\n{escape(' '.join(cue.text.split()), quote=False)}\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _vtt_time(time_ms: int) -> str:
    minutes, milliseconds = divmod(time_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; takes its place at the end, and vanishes if that is not reached."""
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_media(scene: Scene, container: OutputContainer) -> None:
    settings = scene.settings
    fps = Fraction(settings.fps).limit_denominator(1001)
    codec = _H264 if _H264 in av.codecs_available else _MPEG4_FALLBACK
    picture = cast("VideoStream", container.add_stream(codec, rate=fps))
    picture.width, picture.height = settings.width_px, settings.height_px
    # Half-resolution colour needs even sides.
    picture.pix_fmt = "yuv420p" if settings.width_px % 2 == settings.height_px % 2 == 0 else "yuv444p"
    if codec == _H264:
        picture.options = {"crf": "18"}
    else:
        picture.bit_rate = _FALLBACK_BITS_PER_S
    sound = cast("AudioStream", container.add_stream("flac", rate=SOUND_RATE_HZ, layout="mono", format="s16"))
    pcm = np.round(np.clip(scene.sound, -1.0, 1.0) * 32767).astype(np.int16)
    heard = 0
    for index, pixels in enumerate(scene.frames()):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = index, 1 / fps
        container.mux(picture.encode(frame))
        until = min(len(pcm), int((index + 1) * SOUND_RATE_HZ / fps))
        container.mux(sound.encode(_sound_frame(pcm[heard:until], heard)))
        heard = until
    if heard < len(pcm):
        container.mux(sound.encode(_sound_frame(pcm[heard:], heard)))
    container.mux(picture.encode(None))
    container.mux(sound.encode(None))


def _sound_frame(samples: NDArray[np.int16], first: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE_HZ, first, Fraction(1, SOUND_RATE_HZ)
    return frame
