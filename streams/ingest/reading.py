"""The items of one file, merged in the order in which they are over, with heartbeats in the pauses."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from math import ceil

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest.lanes import Lane, segment_lane
from streams.ingest.media import MediaFile
from streams.ingest.options import ReadOptions
from streams.ingest.picture import PictureLane
from streams.ingest.sound import SoundLane
from streams.ingest.timed import TimedRecord
from streams.ingest.words import read_segments

__all__ = ["HEARTBEAT_MS", "Reading", "read_items"]

HEARTBEAT_MS = 1_000
# Players and muxers disagree about the length of the last frame; more than this is a missing end.
_TOLERATED_MISSING_MS = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """How the reading of a file ended.

    Attributes:
        end_ms: end of the file's time line: of picture and sound, or of the last words where there is neither.
        missing_ms: how much of the duration that the file states is not there.
        damaged_packets: pieces of picture and sound that could not be decoded.
        segments_after_end: transcript segments that begin only after picture and sound end; left out.
    """

    end_ms: int
    missing_ms: int
    damaged_packets: int
    segments_after_end: int


def read_items(
    media: MediaFile, options: ReadOptions, *, expected: frozenset[Modality] = frozenset()
) -> Generator[TimedRecord, None, Reading]:
    """Read a file as records on a time line that begins at 0, in order of `due_ms`.

    A modality that pauses sends a heartbeat every `HEARTBEAT_MS`, and each modality sends one at the end. Transcript
    segments are cut where picture and sound end. Memory is bounded: one item of each modality is held.

    Args:
        media: as probed.
        options: what to read, and in which form.
        expected: modalities that the source has elsewhere: where this file lacks one, heartbeats stand for it.

    Returns:
        (as the generator's value) how the reading ended.

    Raises:
        MediaError: the words are unreadable, or nothing at all could be decoded.
    """
    merge = _Merge(media, options, expected)
    yield from merge.while_tracks_last()
    yield from merge.words_cut_at_end()
    yield from merge.farewell()
    states_all = media.states_duration and media.modalities <= options.modalities
    missing_ms = media.duration_ms - merge.end_ms if states_all else 0
    return Reading(
        end_ms=merge.end_ms,
        missing_ms=missing_ms if missing_ms > _TOLERATED_MISSING_MS else 0,
        damaged_packets=merge.damaged_packets,
        segments_after_end=merge.segments_after_end,
    )


class _Merge:
    """The lanes of one file and the heartbeats between them."""

    def __init__(self, media: MediaFile, options: ReadOptions, expected: frozenset[Modality]) -> None:
        wanted = options.modalities
        self._path = media.path
        self._next_heartbeat_ms = HEARTBEAT_MS
        self._tracks: list[PictureLane | SoundLane] = []
        self._lanes: dict[Modality, Lane] = {}
        self._words_end_ms = 0
        self.segments_after_end = 0
        # In the order in which records of the same moment are sent.
        if media.video is not None and Modality.VIDEO in wanted:
            picture = PictureLane(media, media.video, options)
            self._tracks.append(picture)
            self._lanes[Modality.VIDEO] = Lane(Modality.VIDEO, _with_start(picture.records()))
        if media.sound is not None and Modality.AUDIO in wanted:
            sound = SoundLane(media, media.sound)
            self._tracks.append(sound)
            self._lanes[Modality.AUDIO] = Lane(Modality.AUDIO, _with_start(sound.records()))
        self._track_lanes = list(self._lanes.values())
        if media.words is not None and Modality.TRANSCRIPT in wanted:
            segments = read_segments(media, media.words, options.max_segment_ms)
            self._words_end_ms = max((segment.end_ms for segment in segments), default=0)
            self._lanes[Modality.TRANSCRIPT] = segment_lane(segments)
        for modality in sorted(expected - self._lanes.keys()):
            self._lanes[modality] = Lane(modality)

    @property
    def damaged_packets(self) -> int:
        """Packets of all tracks that could not be decoded."""
        return sum(track.decoder.damaged for track in self._tracks)

    @property
    def end_ms(self) -> int:
        """End of the time line; exact once the tracks have been read."""
        if not self._tracks:
            return self._words_end_ms
        return ceil(max(track.end_s for track in self._tracks) * 1000)

    def while_tracks_last(self) -> Iterator[TimedRecord]:
        """Everything that is over before the last record of picture and sound."""
        if self._tracks and not any(lane.head for lane in self._track_lanes):
            raise MediaError(
                f"{self._path}: not one frame or sample could be decoded ({self.damaged_packets} damaged packets); "
                "the file is broken, or FFmpeg does not know its codec",
                code="media.undecodable",
            )
        while any(lane.head for lane in self._track_lanes):
            lane = min((lane for lane in self._lanes.values() if lane.head), key=_due_ms)
            yield from self._heartbeats_before(_due_ms(lane))
            yield lane.take()

    def words_cut_at_end(self) -> Iterator[TimedRecord]:
        """The words that are not over when picture and sound are."""
        words = self._lanes.get(Modality.TRANSCRIPT)
        while words is not None and words.head is not None:
            if words.head.start_ms >= self.end_ms and self._tracks:
                words.take()
                self.segments_after_end += 1
                continue
            yield from self._heartbeats_before(min(words.head.due_ms, self.end_ms))
            segment = words.take()
            yield replace(segment, due_ms=min(segment.due_ms, self.end_ms))

    def farewell(self) -> Iterator[TimedRecord]:
        """Heartbeats up to the end, where each modality has one."""
        yield from self._heartbeats_before(self.end_ms)
        for modality in self._lanes:
            yield TimedRecord(modality, self.end_ms, self.end_ms)

    def _heartbeats_before(self, moment_ms: int) -> Iterator[TimedRecord]:
        while self._next_heartbeat_ms < moment_ms:
            for lane in self._lanes.values():
                heartbeat = lane.heartbeat(self._next_heartbeat_ms)
                if heartbeat is not None:
                    yield heartbeat
            self._next_heartbeat_ms += HEARTBEAT_MS


def _due_ms(lane: Lane) -> int:
    return 0 if lane.head is None else lane.head.due_ms


def _with_start(records: Iterator[TimedRecord]) -> Iterator[tuple[TimedRecord, int]]:
    """Frames and chunks begin in the order in which they are due: nothing after one begins before it."""
    return ((record, record.start_ms) for record in records)
