"""Labels of other programs: what is read, and what is told about each fault."""

import pytest

from processors.datasets.conversion import CsvColumns, read_audacity_labels, read_csv_labels
from processors.datasets.recordings import TimedEvent
from processors.errors import DatasetError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "night").mkdir()
    for name in ("gate.wav", "night/yard.mp4", "quiet.wav"):
        (tmp_path / name).touch()
    return tmp_path


def track(folder, text, name="gate.txt"):
    (folder / name).write_text(text, encoding="utf-8")


def table(folder, text):
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_label_tracks_beside_recordings_are_read(folder):
    track(folder, "3.5\t4.000000\talarm\n0.250000\t1.5\tcar crash \n\\\t200.0\t900.0\n\n")
    track(folder, "\ufeff0\t2\talarm", "night/yard.txt")
    track(folder, "not a track", "README.txt")
    assert read_audacity_labels(folder) == {
        "gate.wav": [TimedEvent("car crash", 250, 1_500), TimedEvent("alarm", 3_500, 4_000)],
        "night/yard.mp4": [TimedEvent("alarm", 0, 2_000)],
        "quiet.wav": [],
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0\t1\talarm\n0 1 alarm\n", r"gate.txt:2: 1 columns, expected start, end and label"),
        ("0\t1\n", r"gate.txt:1: 2 columns"),
        ("0,5\t1,0\talarm\n", r"gate.txt:1: '0,5' is no time; expected seconds"),
        ("2\t2\talarm\n", r"gate.txt:1: the event ends at 2 s and begins at 2 s"),
        ("2\t3\t \n", r"gate.txt:1: the class is '', expected a name"),
        ("-1\t3\talarm\n", r"gate.txt:1: '-1' is no time"),
    ],
)
def test_a_line_that_is_no_label_is_named(folder, text, complaint):
    track(folder, text)
    with pytest.raises(DatasetError, match=complaint):
        read_audacity_labels(folder)


def test_a_folder_without_tracks_is_told(folder):
    with pytest.raises(DatasetError, match="none of 3 recordings has a label track"):
        read_audacity_labels(folder)


def test_a_track_in_another_encoding_is_named(folder):
    (folder / "gate.txt").write_bytes("0\t1\tlärm".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"gate.txt cannot be read as UTF-8"):
        read_audacity_labels(folder)


def test_a_table_is_read_by_its_titles(folder):
    path = table(folder, 'what,to,clip,from\nalarm,4,gate.wav,3.5\n"crash, loud",1.5,gate.wav,0\n')
    columns = CsvColumns("clip", "from", "to", "what")
    assert read_csv_labels(path, folder, columns) == {
        "gate.wav": [TimedEvent("crash, loud", 0, 1_500), TimedEvent("alarm", 3_500, 4_000)]
    }


def test_milliseconds_and_other_dividers_are_read(folder):
    path = table(folder, "filename\tonset\toffset\tevent_label\nnight/yard.mp4\t250\t1500\talarm\n")
    events = read_csv_labels(path, folder, CsvColumns(), delimiter="\t", unit_ms=1)
    assert events == {"night/yard.mp4": [TimedEvent("alarm", 250, 1_500)]}


HEAD = "filename,onset,offset,event_label\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"mine.csv:1: no column 'filename', but \[\]"),
        ("file,onset,offset,event_label\n", r"mine.csv:1: no column 'filename', but \['file'"),
        (HEAD + "gate.wav,1,2,a\ngate.wav,1,2\n", r"mine.csv:3: 3 columns, expected 4"),
        (HEAD + "roof.wav,1,2,a\n", r"mine.csv:2: 'roof.wav' is no file in"),
        (HEAD + "mine.csv,1,2,a\n", r"mine.csv:2: 'mine.csv' is no recording"),
        (HEAD + "gate.wav,2,1,a\n", r"mine.csv:2: the event ends at 1 s and begins at 2 s"),
        (HEAD + "gate.wav,1,2,\n", r"mine.csv:2: the class is ''"),
        (HEAD + 'gate.wav,1,2,"a\n', r"mine.csv is not a table of UTF-8 text: unexpected end"),
    ],
)
def test_a_row_that_is_no_event_is_named(folder, text, complaint):
    with pytest.raises(DatasetError, match=complaint):
        read_csv_labels(table(folder, text), folder, CsvColumns())


def test_a_table_that_is_not_there_is_told(folder):
    with pytest.raises(DatasetError, match=r"none.csv cannot be read: No such file"):
        read_csv_labels(folder / "none.csv", folder, CsvColumns())
