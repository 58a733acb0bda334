"""Folders of recordings: what is read, and what is told about each fault."""

import wave

import pytest

from processors.datasets.recordings import LABELS_NAME, TimedEvent, read_recordings, write_labels
from processors.errors import DatasetError
from processors.modality import Modality

SECONDS = 4


def record(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(2 * 8_000 * SECONDS))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "night").mkdir()
    for name in ("gate.wav", "night/yard.wav", "quiet.wav"):
        record(tmp_path / name)
    (tmp_path / "gate.vtt").write_text("WEBVTT\n", encoding="utf-8")
    return tmp_path


def label(folder, *rows, header="filename\tonset\toffset\tevent_label"):
    (folder / LABELS_NAME).write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")


def test_what_was_written_is_read(folder):
    events = {
        "gate.wav": [TimedEvent("crash", 500, 1_250), TimedEvent("alarm", 1_000, 4_000)],
        "night/yard.wav": [TimedEvent("crash", 0, 100)],
    }
    write_labels(folder, events)
    found = read_recordings(folder)
    assert found.classes == ("alarm", "crash")
    assert {str(entry.path.relative_to(folder)): list(entry.events) for entry in found.recordings} == {
        **events,
        "quiet.wav": [],
    }
    gate = found.recordings[0]
    assert (gate.duration_ms, gate.modalities) == (4_000, (Modality.AUDIO, Modality.TRANSCRIPT))


def test_events_of_different_classes_may_overlap_and_one_may_follow_at_once(folder):
    label(folder, "gate.wav\t0\t2\tcrash", "gate.wav\t1\t3\talarm", "gate.wav\t2\t3\tcrash")
    assert len(read_recordings(folder).recordings[0].events) == 3


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("gate.wav\t0\t2", "3 columns, expected 4"),
        ("gone.wav\t0\t2\tcrash", "'gone.wav' is no file"),
        ("../outside.wav\t0\t2\tcrash", "'../outside.wav' is no file"),
        ("gate.vtt\t0\t2\tcrash", "'gate.vtt' is no recording"),
        ("gate.wav\tsoon\t2\tcrash", "'soon' is no time"),
        ("gate.wav\t-1\t2\tcrash", "'-1' is no time"),
        ("gate.wav\tnan\t2\tcrash", "'nan' is no time"),
        ("gate.wav\t0\tinf\tcrash", "'inf' is no time"),
        ("gate.wav\t2\t2\tcrash", "must end later"),
        ("gate.wav\t0\t5\tcrash", "ends at 5 s, but gate.wav lasts 4 s"),
        ("gate.wav\t0\t2\t", "the class is '', expected a name"),
        ("quiet.wav\t0.5\t1\tcrash", "overlaps that of line 2"),
    ],
)
def test_a_fault_is_told_with_its_line(row, told, folder):
    record(folder.parent / "outside.wav")
    label(folder, "quiet.wav\t0\t1\tcrash", "", row)
    with pytest.raises(DatasetError, match=rf"{LABELS_NAME}:4: .*{told}"):
        read_recordings(folder)


def test_an_unknown_class_is_told_with_those_that_are_known(folder):
    label(folder, "gate.wav\t0\t1\tcrash", "gate.wav\t1\t2\tbang")
    with pytest.raises(DatasetError, match=r":3: the class is 'bang', expected one of crash, alarm"):
        read_recordings(folder, ["crash", "alarm"])


def test_a_class_without_an_event_is_told(folder):
    label(folder, "gate.wav\t0\t1\tcrash")
    with pytest.raises(DatasetError, match="no event of the class 'alarm'"):
        read_recordings(folder, ["crash", "alarm"])


def test_a_needed_modality_that_no_recording_has_is_told(folder):
    label(folder, "gate.wav\t0\t1\tcrash")
    assert read_recordings(folder, needed=[Modality.AUDIO])
    with pytest.raises(DatasetError, match="no recording has video"):
        read_recordings(folder, needed=list(Modality))


@pytest.mark.parametrize(
    ("header", "told"),
    [("file\tonset\toffset\tevent_label", ":1: the columns are"), ("filename,onset", ":1: the columns are")],
)
def test_another_table_is_told(header, told, folder):
    label(folder, header=header)
    with pytest.raises(DatasetError, match=told):
        read_recordings(folder)


def test_a_table_without_events_is_told(folder):
    label(folder)
    with pytest.raises(DatasetError, match="names no event"):
        read_recordings(folder)


def test_bytes_that_are_no_text_are_told(folder):
    (folder / LABELS_NAME).write_bytes(b"filename\tonset\toffset\tevent_label\n\xff\xfe\t0\t1\tcrash\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_recordings(folder)


def test_a_folder_without_a_table_or_without_recordings_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"labels.tsv is not there"):
        read_recordings(tmp_path)
    label(tmp_path)
    with pytest.raises(DatasetError, match="holds no recording"):
        read_recordings(tmp_path)


@pytest.mark.parametrize("size", [0, 20, 44])
def test_a_broken_recording_is_told(size, folder):
    label(folder, "gate.wav\t0\t1\tcrash")
    path = folder / "quiet.wav"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DatasetError, match=r"quiet.wav .*is it whole"):
        read_recordings(folder)
