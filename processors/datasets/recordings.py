"""Folders of recordings with a table of what happens in them.

    yard/
      labels.tsv
      monday.mp4  monday.vtt  tuesday.mp4  …

`labels.tsv` is what DCASE challenges and sed_eval use: columns `filename`, `onset`, `offset`, `event_label`, divided by
tabs, times in seconds from the start of the recording. Recordings without a row are examples of nothing happening.
Subtitles beside a recording, with its name and `.vtt` or `.srt`, are its transcript.

Where nobody has labelled anything, the folder of media files is enough (`find_recordings`).
"""

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av

from processors.datasets.windows import UNLABELLED_CLASS
from processors.errors import DatasetError
from processors.modality import Modality

__all__ = [
    "LABELS_NAME",
    "MEDIA_SUFFIXES",
    "Recording",
    "RecordingFolder",
    "TimedEvent",
    "find_recording",
    "find_recordings",
    "make_event",
    "probe_recording",
    "read_events",
    "read_recordings",
    "write_labels",
]

LABELS_NAME: Final = "labels.tsv"
_COLUMNS: Final = ("filename", "onset", "offset", "event_label")
MEDIA_SUFFIXES: Final = frozenset({".mp4", ".mpg", ".mkv", ".webm", ".mov", ".wav", ".flac", ".ogg", ".mp3"})
_SUBTITLE_SUFFIXES: Final = (".vtt", ".srt")
_SLACK_MS: Final = 500
"""So much later than its recording may an event end: containers round their length, and people what they saw."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event of one class in `[start_ms, end_ms)` of its recording."""

    event_class: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One media file.

    Attributes:
        path: of the file.
        duration_ms: its length.
        modalities: what it has, in the order of `Modality`.
        events: what happens in it, in order of start.
        group: what must be whole in learning or in judging; itself where None.
    """

    path: Path
    duration_ms: int
    modalities: tuple[Modality, ...]
    events: tuple[TimedEvent, ...]
    group: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingFolder:
    """What a folder of recordings holds; no frame and no sound is decoded yet.

    Attributes:
        path: of the folder.
        classes: of its events, in order of name, or as they were asked for.
        recordings: in order of name.
        is_labelled: whether somebody said what happens in them; otherwise nothing is known, not that nothing happens.
    """

    path: Path
    classes: tuple[str, ...]
    recordings: tuple[Recording, ...]
    is_labelled: bool = True

    def name_of(self, recording: Recording) -> str:
        """What a recording is called, or the group that it belongs to."""
        return recording.group or recording.path.relative_to(self.path).as_posix()

    def require(self, needed: Collection[Modality]) -> None:
        """Refuse a folder in which no recording has a modality.

        Raises:
            DatasetError: naming it.
        """
        if absent := set(needed) - {modality for recording in self.recordings for modality in recording.modalities}:
            raise DatasetError(
                f"{self.path}: no recording has {' or '.join(sorted(absent))}; add some, or learn without it"
            )


def read_recordings(
    folder: Path, classes: Sequence[str] | None = None, needed: Collection[Modality] = ()
) -> RecordingFolder:
    """Read a folder's table and look into its media.

    Args:
        folder: with `labels.tsv` and media files, which may lie in folders of it.
        classes: those that the events may have, each of which must occur; None for those that do.
        needed: modalities that at least one recording must have.

    Raises:
        DatasetError: naming file and line: a table that cannot be read, an event outside its recording, of no length or
            overlapping another one of its class, a class that is not known or does not occur, a file that is not there
            or is no recording; a modality that is needed and that no recording has.
    """
    table = folder / LABELS_NAME
    if not table.is_file():
        raise DatasetError(
            f"{table} is not there; expected a folder with recordings and a table of {', '.join(_COLUMNS)}, divided by "
            "tabs, times in seconds"
        )
    rows = [
        (line, find_recording(name, folder, f"{table}:{line}"), event)
        for line, name, event in _read_rows(table, classes)
    ]
    media = _find_media(folder)
    by_file: dict[Path, list[tuple[int, TimedEvent]]] = {}
    for line, path, event in rows:
        by_file.setdefault(path, []).append((line, event))
    recordings = tuple(_look_into(path, table, by_file.get(path, [])) for path in media)
    RecordingFolder(folder, (), recordings).require(needed)
    counts = Counter(event.event_class for _, _, event in rows)
    if missing := [name for name in classes or () if not counts[name]]:
        raise DatasetError(f"{table}: no event of the class {missing[0]!r}; label some, or leave the class out")
    if not counts:
        raise DatasetError(f"{table} names no event; there is nothing to learn")
    return RecordingFolder(folder, tuple(classes or sorted(counts)), recordings)


def find_recordings(folder: Path) -> RecordingFolder:
    """Look into a folder's media; a table of labels that lies there is not looked at.

    Args:
        folder: with media files, which may lie in folders of it.

    Raises:
        DatasetError: there is no media file, or one that is no recording.
    """
    recordings = tuple(_look_into(path, folder / LABELS_NAME, []) for path in _find_media(folder))
    return RecordingFolder(folder, (UNLABELLED_CLASS,), recordings, is_labelled=False)


def _find_media(folder: Path) -> list[Path]:
    media = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES)
    if not media:
        raise DatasetError(f"{folder} holds no recording; expected files of {', '.join(sorted(MEDIA_SUFFIXES))}")
    return media


def read_events(table: Path, classes: Sequence[str] | None = None) -> dict[str, tuple[TimedEvent, ...]]:
    """Read a table by itself: what `labels.tsv` says, or what a model told in the same form.

    Args:
        table: columns as in `labels.tsv`.
        classes: those that the events may have; None for any.

    Returns:
        Name of a recording -> its events, in order of start; whether there is such a file is not looked at.

    Raises:
        DatasetError: naming file and line: the table cannot be read, an event has no length or a class that is not
            known.
    """
    events: dict[str, list[TimedEvent]] = {}
    for _, name, event in _read_rows(table, classes):
        events.setdefault(name, []).append(event)
    return {
        name: tuple(sorted(found, key=lambda event: (event.start_ms, event.end_ms))) for name, found in events.items()
    }


def write_labels(folder: Path, events: Mapping[str, Iterable[TimedEvent]]) -> None:
    """Write a folder's table, replacing one that is there.

    Args:
        folder: it exists.
        events: name of a recording in the folder -> what happens in it.
    """
    with (folder / LABELS_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, dialect=csv.excel_tab, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for name, of_recording in events.items():
            for event in of_recording:
                writer.writerow((name, event.start_ms / 1000, event.end_ms / 1000, event.event_class))


def _read_rows(table: Path, classes: Sequence[str] | None) -> Iterator[tuple[int, str, TimedEvent]]:
    """Line, name of the file and event of each row."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, dialect=csv.excel_tab, strict=True)
            header = next(reader, [])
            if tuple(header) != _COLUMNS:
                raise DatasetError(f"{table}:1: the columns are {header}, expected {list(_COLUMNS)}, divided by tabs")
            for row in reader:
                if row:
                    yield reader.line_num, *_read_row(row, f"{table}:{reader.line_num}", classes)
    except OSError as error:
        raise DatasetError(
            f"{table} cannot be read: {error.strerror}; expected a table of {', '.join(_COLUMNS)}"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} is not a table of UTF-8 text divided by tabs: {error}") from error


def _read_row(row: list[str], where: str, classes: Sequence[str] | None) -> tuple[str, TimedEvent]:
    if len(row) != len(_COLUMNS):
        raise DatasetError(f"{where}: {len(row)} columns, expected {len(_COLUMNS)}: {', '.join(_COLUMNS)}")
    name, onset, offset, event_class = row
    event = make_event(event_class, onset, offset, where)
    if classes is not None and event_class not in classes:
        raise DatasetError(f"{where}: the class is {event_class!r}, expected one of {', '.join(classes)}")
    return name, event


def make_event(event_class: str, start: str, end: str, where: str, unit_ms: int = 1000) -> TimedEvent:
    """An event from the words of a table.

    Args:
        event_class: its name.
        start: when it begins, from the start of the recording.
        end: when it ends.
        where: file and line, for errors.
        unit_ms: what a time of 1 means.

    Raises:
        DatasetError: a time is no number or negative, the event does not end after it begins, or its class is empty.
    """
    start_ms, end_ms = _milliseconds(start, where, unit_ms), _milliseconds(end, where, unit_ms)
    unit = "s" if unit_ms == 1000 else "ms"
    if end_ms <= start_ms:
        raise DatasetError(f"{where}: the event ends at {end} {unit} and begins at {start} {unit}; it must end later")
    if not event_class:
        raise DatasetError(f"{where}: the class is '', expected a name")
    return TimedEvent(event_class, start_ms, end_ms)


def find_recording(name: str, folder: Path, where: str) -> Path:
    """The file that a table names.

    Args:
        name: as the table has it.
        folder: in which it must be.
        where: file and line, for errors.

    Raises:
        DatasetError: it is not there, or no recording.
    """
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{where}: {name!r} is no file in {folder}")
    if path.suffix.lower() not in MEDIA_SUFFIXES:
        raise DatasetError(f"{where}: {name!r} is no recording; expected one of {', '.join(sorted(MEDIA_SUFFIXES))}")
    return path


def _milliseconds(text: str, where: str, unit_ms: int) -> int:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        expected = "seconds from the start of the recording, as 3.25"
        if unit_ms == 1:
            expected = "milliseconds from the start of the recording, as 3250"
        raise DatasetError(f"{where}: {text!r} is no time; expected {expected}")
    return round(number * unit_ms)


def probe_recording(path: Path) -> Recording:
    """Look into a media file; nothing is decoded, and no event known.

    Raises:
        DatasetError: it cannot be read, or has neither picture nor sound.
    """
    try:
        with av.open(str(path)) as container:
            duration_ms = round((container.duration or 0) / 1000)
            streams = container.streams
            has = {
                Modality.VIDEO: bool(streams.video),
                Modality.AUDIO: bool(streams.audio),
                Modality.TRANSCRIPT: bool(streams.subtitles)
                or any(path.with_suffix(suffix).is_file() for suffix in _SUBTITLE_SUFFIXES),
            }
    except (OSError, av.FFmpegError) as error:
        raise DatasetError(f"{path} cannot be read as a recording: {error}; is it whole?") from error
    if not duration_ms or not (has[Modality.VIDEO] or has[Modality.AUDIO]):
        raise DatasetError(f"{path} has neither picture nor sound of a known length; is it whole?")
    return Recording(path, duration_ms, tuple(modality for modality in Modality if has[modality]), ())


def _look_into(path: Path, table: Path, rows: Sequence[tuple[int, TimedEvent]]) -> Recording:
    found = probe_recording(path)
    duration_ms = found.duration_ms
    events = sorted(rows, key=lambda row: (row[1].start_ms, row[1].end_ms))
    last: dict[str, tuple[int, TimedEvent]] = {}
    for line, event in events:
        if event.end_ms > duration_ms + _SLACK_MS:
            raise DatasetError(
                f"{table}:{line}: the event ends at {event.end_ms / 1000:g} s, but {path.name} lasts "
                f"{duration_ms / 1000:g} s"
            )
        before_line, before = last.get(event.event_class, (0, event))
        if before_line and before.end_ms > event.start_ms:
            raise DatasetError(
                f"{table}:{line}: the event overlaps that of line {before_line}, which is {event.event_class!r}, too; "
                "join them, or end the first where the second begins"
            )
        last[event.event_class] = (line, event)
    return replace(found, events=tuple(event for _, event in events))
