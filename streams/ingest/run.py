"""Playing files to Kafka as the records of one source."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from processors.modality import Modality
from streams.errors import MediaError, PoisonItem
from streams.ingest.clock import Clock, SystemClock
from streams.ingest.envelope import Envelope
from streams.ingest.media import MediaFile
from streams.ingest.options import Pace, Playing, ReadOptions
from streams.ingest.pacing import beginning_ms, wait_until
from streams.ingest.playlist import Playlist
from streams.ingest.probe import open_media
from streams.ingest.read_ahead import read_ahead
from streams.ingest.sender import Sender
from streams.ingest.timed import TimedRecord
from streams.records import source_id_of_key
from streams.settings import Settings

__all__ = ["Sent", "ingest"]

# Together with the time to disconnect, well inside what a person waits for after Ctrl+C.
_FLUSH_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What Kafka has acknowledged, and what was amiss with the files.

    Attributes:
        source_id: whose records they are.
        start_ms: event time at which the first file begins, epoch milliseconds.
        end_ms: event time that was reached.
        modalities: what the source has.
        frames: how many were stored.
        chunks: audio chunks stored.
        samples: in these chunks.
        segments: transcript segments stored.
        heartbeats: stored, of all modalities.
        payload_bytes: of all records stored.
        unconfirmed: records without an acknowledgement when time ran out.
        files_read: files read to their end, repetitions counted.
        missing_ms: how much of the durations that the files state was not there.
        damaged_packets: pieces of picture and sound that could not be decoded.
        segments_after_end: transcript segments left out because picture and sound were over before.
        stopped: whether it was told to stop before the end.
    """

    source_id: str
    start_ms: int
    end_ms: int
    modalities: tuple[Modality, ...]
    frames: int
    chunks: int
    samples: int
    segments: int
    heartbeats: int
    payload_bytes: int
    unconfirmed: int
    files_read: int
    missing_ms: int
    damaged_packets: int
    segments_after_end: int
    stopped: bool

    @property
    def is_whole(self) -> bool:
        """Whether all that was read was stored, and the files had no damage."""
        return not (self.unconfirmed or self.missing_ms or self.damaged_packets)


async def ingest(
    files: Sequence[Path | MediaFile],
    source_id: str,
    settings: Settings,
    options: ReadOptions | None = None,
    playing: Playing | None = None,
    *,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Sent:
    """Play files, one after another, to Kafka.

    A record's Kafka timestamp is the event time at which its item is over. Item ids consist of the first file's name,
    the event time of the beginning and a number: the same files sent again with the same `playing.start_ms` have the
    same ids, and are taken once.

    Args:
        files: paths, or what `open_media` found there.
        source_id: whose records they become; also their key.
        settings: Kafka's address and topics, and the limits on items.
        options: what to read, and in which form.
        playing: pace, repetition and beginning.
        clock: what pacing runs on.
        stop: once set, nothing more is sent; what is under way is waited for to a deadline.
        on_progress: called with the milliseconds of the time line that have been played.

    Returns:
        What was stored. A file that ends early is played as far as it goes, and the shortfall told here.

    Raises:
        MediaError: a file or the source id cannot be used.
        ConfigurationError: the beginning lies in the future, or Kafka's topics do not fit.
        DependencyUnavailable: Kafka does not answer.
    """
    options, playing = options or ReadOptions(), playing or Playing()
    clock, stop = clock or SystemClock(), stop or asyncio.Event()
    try:
        source_id_of_key(source_id.encode())
    except PoisonItem as error:
        raise MediaError(f"the source id cannot be used: {error}", code="media.source_id") from error
    opened = [
        file
        if isinstance(file, MediaFile)
        else await asyncio.to_thread(open_media, file, modalities=options.modalities)
        for file in files
    ]
    playlist = Playlist(opened, options, loop=playing.loop)
    if not playlist.modalities:
        raise MediaError("nothing is left to send: the files hold none of what was asked for", code="media.empty")
    stored: Counter[str] = Counter()
    unconfirmed = reached_ms = 0
    async with Sender(settings, playlist.modalities) as sender:
        base_ms = beginning_ms(playing, playlist.duration_ms, clock.epoch_ms(), settings.limits.max_future_ms)
        begun_s = clock.monotonic_s()
        envelope = Envelope(source_id, base_ms, opened[0].path.stem)
        with closing(playlist.records()) as records:
            async with aclosing(read_ahead(records)) as incoming:
                async for record in incoming:
                    if playing.pace is Pace.REALTIME:
                        await wait_until(begun_s + record.due_ms / 1000, clock, stop)
                    if stop.is_set():
                        break
                    await sender.send(
                        record.modality,
                        envelope.seal(record),
                        base_ms + record.due_ms,
                        partial(_count, stored, record),
                    )
                    reached_ms = record.due_ms
                    if on_progress is not None:
                        on_progress(reached_ms)
        unconfirmed = await sender.flush(_FLUSH_S)
    return Sent(
        source_id=source_id,
        start_ms=base_ms,
        end_ms=base_ms + reached_ms,
        modalities=tuple(sorted(playlist.modalities)),
        frames=stored["video"],
        chunks=stored["audio"],
        samples=stored["samples"],
        segments=stored["transcript"],
        heartbeats=stored["heartbeats"],
        payload_bytes=stored["bytes"],
        unconfirmed=unconfirmed,
        files_read=playlist.files_read,
        missing_ms=playlist.missing_ms,
        damaged_packets=playlist.damaged_packets,
        segments_after_end=playlist.segments_after_end,
        stopped=stop.is_set(),
    )


def _count(stored: Counter[str], record: TimedRecord) -> None:
    if record.is_heartbeat:
        stored["heartbeats"] += 1
        return
    stored[record.modality] += 1
    stored["samples"] += record.samples
    stored["bytes"] += len(record.payload)
