"""Media files to Kafka: frames, sound and words of a file as the records of one source.

media = open_media(Path("dock.mp4"))               # what the file holds
for record in read_items(media, ReadOptions()):    # pure: its items in order of the time at which they are over
    ...
await ingest([Path("dock.mp4")], "dock-1", settings)
"""

from streams.ingest.clock import Clock, SystemClock
from streams.ingest.media import MediaFile, SoundTrack, VideoTrack, WordTrack
from streams.ingest.options import Pace, Playing, ReadOptions
from streams.ingest.playlist import Playlist
from streams.ingest.probe import open_media
from streams.ingest.reading import Reading, read_items
from streams.ingest.run import Sent, ingest
from streams.ingest.timed import TimedRecord

__all__ = [
    "Clock",
    "MediaFile",
    "Pace",
    "Playing",
    "Playlist",
    "ReadOptions",
    "Reading",
    "Sent",
    "SoundTrack",
    "SystemClock",
    "TimedRecord",
    "VideoTrack",
    "WordTrack",
    "ingest",
    "open_media",
    "read_items",
]
