"""Sounds by class as recordings: one event each, and what was cut from one recording stays together."""

import wave

import pytest

from processors.datasets.class_folders import is_class_folders, read_class_folders, read_data_folder
from processors.datasets.recordings import TimedEvent, write_labels
from processors.errors import DatasetError
from processors.modality import Modality


@pytest.fixture
def sounds(tmp_path):
    for name in ("dog/1-17-A.wav", "dog/1-17-B.wav", "rain/1-18-A.wav", "rain/roof.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(bytes(2 * 8_000 * 2))
    return tmp_path


def test_each_file_is_one_event_over_its_length(sounds):
    found = read_class_folders(sounds)
    assert found.classes == ("dog", "rain")
    assert [each.events for each in found.recordings] == [
        (TimedEvent(name, 0, 2000),) for name in ("dog", "dog", "rain", "rain")
    ]
    assert [found.name_of(each) for each in found.recordings] == ["1-17", "1-17", "1-18", "rain/roof.wav"]


def test_files_of_other_classes_are_examples_of_none(sounds):
    found = read_class_folders(sounds, ["dog"])
    assert found.classes == ("dog",)
    assert [len(each.events) for each in found.recordings] == [1, 1, 0, 0]
    with pytest.raises(DatasetError, match="no folder of the class 'cat'; it has dog, rain"):
        read_class_folders(sounds, ["cat"])


def test_a_modality_that_no_file_has_is_refused(sounds):
    with pytest.raises(DatasetError, match="no recording has video"):
        read_class_folders(sounds, needed=[Modality.VIDEO])


def test_a_table_comes_before_the_names_of_folders(sounds):
    assert is_class_folders(sounds)
    assert len(read_data_folder(sounds).classes) == 2
    write_labels(sounds, {"dog/1-17-A.wav": [TimedEvent("howl", 0, 1000)]})
    assert not is_class_folders(sounds)
    assert read_data_folder(sounds).classes == ("howl",)
