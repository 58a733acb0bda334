"""Subtitles of a file as transcript segments."""

import re
from dataclasses import dataclass
from typing import Any

import av
import orjson

from streams.errors import MediaError
from streams.ingest.container import whole_packets
from streams.ingest.media import MediaFile, WordTrack
from streams.ingest.timed import milliseconds

__all__ = ["Segment", "read_segments"]

# FFmpeg turns every text subtitle into ASS dialogue: markup in braces, `\h` for a hard space.
_MARKUP = re.compile(r"\{[^}]*\}")
_HARD_SPACE = "\\h"
_VTT_SIGNATURE = b"WEBVTT"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Segment:
    """Words in `[start_ms, end_ms)` of the time line, as transcript JSON."""

    start_ms: int
    end_ms: int
    payload: bytes


def read_segments(media: MediaFile, track: WordTrack, max_segment_ms: int) -> list[Segment]:
    """All subtitles of a track in order of their ends, markup stripped; those without a word are left out.

    They are read at once, because how far the words are known to be silent depends on those still to come; subtitles of
    a whole day are a few megabytes.

    Raises:
        MediaError: the subtitles are not UTF-8, or a file is not WebVTT for all its name.
    """
    beside = track.path != media.path
    segments = []
    for packet in whole_packets(track.path, track.index):
        text = _text_of(packet, track)
        if text:
            start_ms = milliseconds(packet.pts * packet.time_base - track.origin_s)
            told_end_ms = milliseconds((packet.pts + (packet.duration or 0)) * packet.time_base - track.origin_s)
            document = {"text": text} | ({} if track.language is None else {"language": track.language})
            end_ms = min(told_end_ms, start_ms + max_segment_ms)
            segments.append(Segment(start_ms, end_ms, orjson.dumps(document)))
    if not segments and beside:
        _require_signature(track)
    return sorted(segments, key=lambda segment: (segment.end_ms, segment.start_ms))


def _text_of(packet: Any, track: WordTrack) -> str:
    try:
        lines = [subtitle.dialogue.decode() for subtitle in packet.decode() if subtitle.type == b"ass"]
    except (av.FFmpegError, UnicodeDecodeError) as error:
        raise MediaError(
            f"the subtitle at {milliseconds(packet.pts * packet.time_base)} ms of {track.path} is not UTF-8 text; "
            "convert the file, as in `iconv -f latin1 -t utf-8`, or leave words out (--no-transcript)",
            code="media.subtitles",
        ) from error
    return " ".join(_MARKUP.sub("", " ".join(lines)).replace(_HARD_SPACE, " ").split())


def _require_signature(track: WordTrack) -> None:
    with track.path.open("rb") as file:
        beginning = file.read(len(_BOM) + len(_VTT_SIGNATURE)).removeprefix(_BOM)
    if not beginning.startswith(_VTT_SIGNATURE):
        raise MediaError(
            f"the subtitle file {track.path} holds no subtitle and does not begin with WEBVTT; "
            "mend it, or leave words out (--no-transcript)",
            code="media.subtitles",
        )
