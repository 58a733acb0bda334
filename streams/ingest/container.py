"""Opening and decoding with FFmpeg: the only place that knows how its failures look."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from streams.errors import MediaError

__all__ = ["TrackDecoder", "open_container", "whole_packets"]

# FFmpeg takes any `.txt` for terminal art and much configuration for song lyrics; neither is a recording.
_TEXT_FORMATS = frozenset({"tty", "lrc"})


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """Open a media or subtitle file, from this machine's disk alone: a playlist's addresses are not followed.

    Raises:
        MediaError: FFmpeg does not know the file's format, or may not read it.
    """
    try:
        container = av.open(str(path), options={"protocol_whitelist": "file"})
    except av.error.InvalidDataError as error:
        raise MediaError(
            f"{path} is not media that FFmpeg can read: its beginning is of no known format, or its end with the index "
            "is missing, as in an MP4 that was cut short; give a complete video, sound or subtitle file",
            code="media.format",
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{path} cannot be opened: {error}; make it readable", code="media.unreadable") from error
    with container:
        if container.format.name in _TEXT_FORMATS:
            raise MediaError(f"{path} is text, not media; give a video, sound or subtitle file", code="media.format")
        yield container


def whole_packets(path: Path, *indexes: int) -> Iterator[Any]:
    """The packets (`av.Packet`) of some streams that have a time stamp, up to the end or to damage hiding the rest."""
    with open_container(path) as container:
        packets = container.demux([container.streams[index] for index in indexes])
        with suppress(av.FFmpegError):
            yield from (packet for packet in packets if packet.pts is not None)


class TrackDecoder:
    """Decodes one track of a file, past damage where the format lets it.

    Each track has a container of its own, so that a file whose tracks are badly interleaved costs no memory.

    Attributes:
        damaged: packets that could not be read or decoded so far.
    """

    def __init__(self, path: Path, index: int) -> None:
        self._path = path
        self._index = index
        self.damaged = 0

    def frames(self) -> Iterator[Any]:
        """All frames of the track (`av.VideoFrame` or `av.AudioFrame`) in order of presentation."""
        with open_container(self._path) as container:
            stream = container.streams[self._index]
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                    frames = [] if packet is None else packet.decode()
                except av.FFmpegError:
                    self.damaged += 1
                    continue
                if packet is None:
                    return
                yield from frames
