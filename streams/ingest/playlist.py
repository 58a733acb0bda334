"""Several files one after another on one time line, once or for ever."""

from collections.abc import Generator, Sequence

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest.media import MediaFile
from streams.ingest.options import ReadOptions
from streams.ingest.reading import read_items
from streams.ingest.timed import TimedRecord

__all__ = ["Playlist"]


class Playlist:
    """Files that one source plays.

    Not safe for use by several threads at a time.

    Attributes:
        modalities: what the source has: everything that at least one of the files has.
        duration_ms: of all files together, as they state it.
        files_read: how many have been read to their end, repetitions counted.
        missing_ms: how much of the durations that the files state was not there.
        damaged_packets: pieces of picture and sound that could not be decoded.
        segments_after_end: transcript segments left out because picture and sound were over before.
    """

    def __init__(self, files: Sequence[MediaFile], options: ReadOptions, *, loop: bool = False) -> None:
        self._files = files
        self._options = options
        self._loop = loop
        held: frozenset[Modality] = frozenset().union(*(media.modalities for media in files))
        self.modalities = held & options.modalities
        self.duration_ms = sum(media.duration_ms for media in files)
        self.files_read = 0
        self.missing_ms = 0
        self.damaged_packets = 0
        self.segments_after_end = 0

    def records(self) -> Generator[TimedRecord, None, None]:
        """All records on the time line of the whole list.

        Raises:
            MediaError: a file cannot be read, or there is nothing to repeat.
        """
        offset_ms = 0
        while True:
            begun_ms = offset_ms
            for media in self._files:
                offset_ms += yield from self._play(media, offset_ms)
            if not self._loop:
                return
            if offset_ms == begun_ms:
                raise MediaError(f"{self._files[0].path} lasts 0 ms and cannot be repeated; leave out --loop")

    def _play(self, media: MediaFile, offset_ms: int) -> Generator[TimedRecord, None, int]:
        items = read_items(media, self._options, expected=self.modalities)
        while True:
            try:
                record = next(items)
            except StopIteration as end:
                reading = end.value
                break
            yield record.shifted(offset_ms)
        self.files_read += 1
        self.missing_ms += reading.missing_ms
        self.damaged_packets += reading.damaged_packets
        self.segments_after_end += reading.segments_after_end
        return reading.end_ms
