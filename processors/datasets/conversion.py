"""Labels that other programs wrote, as events of recordings: what `write_labels` takes."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from processors.datasets.class_folders import read_class_folders
from processors.datasets.recordings import MEDIA_SUFFIXES, TimedEvent, find_recording, make_event
from processors.errors import DatasetError

__all__ = ["CsvColumns", "read_audacity_labels", "read_class_labels", "read_csv_labels"]

_TRACK_SUFFIX: Final = ".txt"

Events = dict[str, list[TimedEvent]]


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """What the columns of a table are called.

    Attributes:
        file: name of the recording in the folder.
        start: when the event begins.
        end: when it ends.
        event_class: what happens.
    """

    file: str = "filename"
    start: str = "onset"
    end: str = "offset"
    event_class: str = "event_label"


def read_audacity_labels(folder: Path) -> Events:
    """Read the label tracks that Audacity exported beside recordings: `monday.txt` of `monday.wav`.

    Args:
        folder: with recordings, which may lie in folders of it. One without a track has no event.

    Returns:
        Name of each recording in the folder, with a slash between folders -> its events in order of start.

    Raises:
        DatasetError: naming file and line: no recording has a track, or a line is not start, end and label, divided by
            tabs, in seconds.
    """
    media = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES)
    tracks = {path: path.with_suffix(_TRACK_SUFFIX) for path in media}
    if not any(track.is_file() for track in tracks.values()):
        raise DatasetError(
            f"{folder}: none of {len(media)} recordings has a label track beside it; expected one with the recording's "
            f"name and {_TRACK_SUFFIX}, as Audacity exports it (File, Export, Export Labels)"
        )
    return {
        path.relative_to(folder).as_posix(): sorted(
            _read_track(track) if track.is_file() else (), key=lambda event: (event.start_ms, event.end_ms)
        )
        for path, track in tracks.items()
    }


def read_csv_labels(
    table: Path, folder: Path, columns: CsvColumns, *, delimiter: str = ",", unit_ms: int = 1000
) -> Events:
    """Read a table of events with a line of titles; other columns than the four are ignored.

    Args:
        table: the file.
        folder: where its recordings are.
        columns: what the four are called.
        delimiter: what divides them, one character.
        unit_ms: what a time of 1 means: 1000 for seconds.

    Returns:
        As the table names them, recording -> its events in order of start.

    Raises:
        DatasetError: naming file and line: it cannot be read, a column is missing, or a row is no event of a recording
            in the folder.
    """
    events: Events = {}
    for where, row in _read_rows(table, columns, delimiter):
        name = row[columns.file]
        find_recording(name, folder, where)
        event = make_event(row[columns.event_class], row[columns.start], row[columns.end], where, unit_ms)
        events.setdefault(Path(name).as_posix(), []).append(event)
    return {
        name: sorted(found, key=lambda event: (event.start_ms, event.end_ms)) for name, found in sorted(events.items())
    }


def read_class_labels(folder: Path) -> Events:
    """Read what the folders of sounds by class say: each file is one event over its whole length.

    Args:
        folder: holds one folder per class.

    Raises:
        DatasetError: naming the folder or file: there are fewer than two classes, one has no sound, a file cannot be
            read.
    """
    found = read_class_folders(folder)
    return {each.path.relative_to(folder).as_posix(): list(each.events) for each in found.recordings}


def _read_track(track: Path) -> Iterator[TimedEvent]:
    try:
        lines = track.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{track} cannot be read as UTF-8 text: {error}") from error
    for number, line in enumerate(lines, start=1):
        # A second line, which begins with a backslash, tells the frequencies of a label.
        if not line.strip() or line.startswith("\\"):
            continue
        cells = line.split("\t")
        where = f"{track}:{number}"
        if len(cells) != 3:
            raise DatasetError(
                f"{where}: {len(cells)} columns, expected start, end and label, divided by tabs, as Audacity exports"
            )
        start, end, label = cells
        yield make_event(label.strip(), start, end, where)


def _read_rows(table: Path, columns: CsvColumns, delimiter: str) -> Iterator[tuple[str, dict[str, str]]]:
    """File and line of each row, and its cells by title."""
    wanted = (columns.file, columns.start, columns.end, columns.event_class)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            titles = next(reader, [])
            if missing := [name for name in wanted if name not in titles]:
                raise DatasetError(
                    f"{table}:1: no column {missing[0]!r}, but {titles}; name the columns, and what divides them"
                )
            for row in reader:
                where = f"{table}:{reader.line_num}"
                if row and len(row) != len(titles):
                    raise DatasetError(f"{where}: {len(row)} columns, expected {len(titles)}, as in the first line")
                if row:
                    yield where, dict(zip(titles, row, strict=True))
    except OSError as error:
        raise DatasetError(f"{table} cannot be read: {error.strerror}; expected a table with titles") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} is not a table of UTF-8 text: {error}") from error
