"""Finding out what a media file holds, without decoding it."""

import mimetypes
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
from av import AudioStream, VideoStream
from av.container import InputContainer
from av.stream import Disposition, Stream

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest.container import open_container, whole_packets
from streams.ingest.media import MediaFile, SoundTrack, VideoTrack, WordTrack

__all__ = ["open_media"]

_SUBTITLE_SUFFIXES = (".vtt", ".srt")
_SUBTITLE_FORMATS = frozenset({"webvtt", "srt", "ass"})
# Elsewhere FFmpeg estimates the duration from what is there, and an end that was cut off leaves no trace.
_FORMATS_STATING_DURATION = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "asf", "flv"})
# Text subtitles that containers carry; others are pictures of text.
_TEXT_CODECS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})
_HINTED_FILES = 5


def open_media(
    path: Path, *, video_stream: int | None = None, modalities: frozenset[Modality] = frozenset(Modality)
) -> MediaFile:
    """Find out what a file holds; nothing is decoded.

    Subtitles are those of the file itself where it has some as text, else those of a `.vtt` or `.srt` beside it with
    the same name.

    Args:
        path: of any file that FFmpeg reads.
        video_stream: index of the picture's stream; None: the one with the most pixels.
        modalities: what is of interest; other tracks count for the origin, and are then left out.

    Raises:
        MediaError: there is no such file; it is a directory; it is not media; it has neither picture nor sound nor
            words; it has no such stream.
    """
    _require_file(path)
    with open_container(path) as container:
        video = _find_video(container, path, video_stream)
        sound = _find_sound(container, video)
        chosen = [stream for stream in (video, sound) if stream is not None]
        origin_s = min((_seconds(stream.start_time or 0, stream) for stream in chosen), default=Fraction(0))
        words = _own_words(container, path, origin_s, video or sound)
        if not chosen and (words is None or container.format.name not in _SUBTITLE_FORMATS):
            raise MediaError(
                f"{path} has neither picture nor sound (FFmpeg reads it as {container.format.name}); "
                "give a file that has at least one of them, or a subtitle file",
                code="media.empty",
            )
        if words is None and Modality.TRANSCRIPT in modalities:
            words = _words_beside(path)
        end_s = _told_end_s(container, chosen)
        states_duration = end_s is not None and container.format.name in _FORMATS_STATING_DURATION
        if end_s is None:
            end_s = _scanned_end_s(path, [stream.index for stream in chosen or container.streams.subtitles])
        return MediaFile(
            path=path,
            origin_s=origin_s,
            duration_ms=max(0, ceil((end_s - origin_s) * 1000)),
            states_duration=states_duration,
            video=_video_track(video) if Modality.VIDEO in modalities else None,
            sound=_sound_track(sound) if Modality.AUDIO in modalities else None,
            words=words if Modality.TRANSCRIPT in modalities else None,
        )


def _require_file(path: Path) -> None:
    if path.is_dir():
        media = sorted(entry.name for entry in path.iterdir() if entry.is_file() and _looks_like_media(entry))
        shown = ", ".join(media[:_HINTED_FILES]) + (", …" if len(media) > _HINTED_FILES else "")
        hint = f"name the files in it that are meant: {shown}" if media else "it holds no media file; give a file"
        raise MediaError(f"{path} is a directory; {hint}", code="media.directory")
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path", code="media.missing")


def _looks_like_media(path: Path) -> bool:
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind.startswith(("video/", "audio/"))


def _find_video(container: InputContainer, path: Path, wanted: int | None) -> VideoStream | None:
    # Cover art is a picture of the recording, not a recording; without a codec context FFmpeg has no decoder.
    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]
    if wanted is None:
        return max(streams, key=lambda stream: stream.width * stream.height, default=None)
    for stream in streams:
        if stream.index == wanted:
            return stream
    have = ", ".join(f"{stream.index} ({stream.width}x{stream.height})" for stream in streams) or "none"
    raise MediaError(f"{path} has no video stream {wanted}; it has: {have}; choose one of them", code="media.stream")


def _find_sound(container: InputContainer, video: VideoStream | None) -> AudioStream | None:
    best = container.streams.best("audio", related=video)
    return best if isinstance(best, AudioStream) and best.codec_context is not None else None


def _video_track(stream: VideoStream | None) -> VideoTrack | None:
    return None if stream is None else VideoTrack(stream.index, stream.width, stream.height, stream.average_rate)


def _sound_track(stream: AudioStream | None) -> SoundTrack | None:
    return None if stream is None else SoundTrack(stream.index, stream.rate, stream.channels)


def _own_words(container: InputContainer, path: Path, origin_s: Fraction, related: Stream | None) -> WordTrack | None:
    best = container.streams.best("subtitle", related=related)
    in_order = [stream for stream in container.streams.subtitles if stream is best]
    in_order += [stream for stream in container.streams.subtitles if stream is not best]
    for stream in in_order:
        if stream.codec_context.name in _TEXT_CODECS:
            language = stream.metadata.get("language")
            return WordTrack(path, stream.index, None if language == "und" else language, origin_s)
    return None


def _words_beside(path: Path) -> WordTrack | None:
    for suffix in _SUBTITLE_SUFFIXES:
        beside = path.with_suffix(suffix)
        if beside.is_file():
            try:
                with open_container(beside) as container:
                    if container.format.name in _SUBTITLE_FORMATS:
                        return WordTrack(beside, container.streams.subtitles[0].index, None, Fraction(0))
                    found = container.format.name
            except MediaError as error:
                raise MediaError(
                    f"the subtitle file {beside} cannot be read; mend it, or leave words out (--no-transcript)",
                    code="media.subtitles",
                ) from error
            raise MediaError(
                f"the subtitle file {beside} is {found}, expected WebVTT or SubRip; "
                "mend it, or leave words out (--no-transcript)",
                code="media.subtitles",
            )
    return None


def _told_end_s(container: InputContainer, streams: list[Stream]) -> Fraction | None:
    """Latest end of the streams as the file tells it; None where it does not."""
    ends_s = [
        _seconds((stream.start_time or 0) + stream.duration, stream)
        for stream in streams
        if stream.duration is not None
    ]
    if streams and len(ends_s) == len(streams):
        return max(ends_s)
    if not streams or container.duration is None:
        return None
    return Fraction((container.start_time or 0) + container.duration, av.time_base)


def _seconds(ticks: int, stream: Stream) -> Fraction:
    return ticks * (stream.time_base or Fraction(1, av.time_base))


def _scanned_end_s(path: Path, indexes: list[int]) -> Fraction:
    """Latest end of the packets of some streams, found by reading all of them."""
    ends_s = ((packet.pts + (packet.duration or 0)) * packet.time_base for packet in whole_packets(path, *indexes))
    return max(ends_s, default=Fraction(0))
