"""`braid evaluate composed`: what it refuses, before anything is composed."""

import os
from pathlib import Path
from typing import get_args

import pytest
from click.testing import Result
from typer.testing import CliRunner

from processors.errors import DatasetError
from processors.models.composed.material import Part, find_material, find_own_material, load_composed
from processors.models.spec import CONTRIBUTION_ORDER, EMBEDDING_DIMS
from processors.scenes.real import EVENT_CLASSES, read_clips
from processors.scenes.settings import SceneError
from streams.cli.app import command_line
from streams.errors import ConfigurationError

DATA = Path(os.environ.get("BRAID_DATA", "../shared/data"))


def evaluate(*words: str | Path) -> Result:
    return CliRunner().invoke(command_line(), ["evaluate", "composed", *map(str, words)])


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for name in ("dog_bark", "rooster"):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        (tmp_path / "sounds" / name / "a.wav").write_bytes(b"RIFF")
    return tmp_path / "sounds"


def test_a_folder_of_data_without_sounds_is_refused_and_named(tmp_path: Path) -> None:
    outcome = evaluate("--data", tmp_path)
    assert isinstance(outcome.exception, ConfigurationError)
    assert str(tmp_path / "esc10") in str(outcome.exception)


def test_a_folder_without_clips_is_refused(tmp_path: Path, sounds: Path) -> None:
    (tmp_path / "clips").mkdir()
    outcome = evaluate("--sounds", sounds, "--clips", tmp_path / "clips")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "holds no clip" in str(outcome.exception)


def test_a_damaged_sound_is_refused_with_its_file(tmp_path: Path, sounds: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"")
    outcome = evaluate("--sounds", sounds, "--clips", tmp_path / "clips")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "a.wav" in str(outcome.exception)


def test_a_file_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(SceneError, match=r"a\.mp4 cannot be read"):
        read_clips([tmp_path / "a.mp4"])


def test_files_that_training_has_seen_are_passed_over(tmp_path: Path, sounds: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("car-detection.mp4", "yard.mp4"):
        (tmp_path / "clips" / name).write_bytes(b"")
    (sounds / "rooster" / "1-1.wav").write_bytes(b"")
    material = find_own_material(
        tmp_path,
        sounds=sounds,
        clips=tmp_path / "clips",
        seen_sounds={"1-1.wav"},
        seen_clips={"car-detection.mp4"},
    )
    assert [path.name for path in material.clips] == ["yard.mp4"]
    assert len(material.sounds) == 2
    assert sorted(material.passed_over) == ["1-1.wav", "car-detection.mp4"]
    with pytest.raises(DatasetError, match="only files that the model was trained on"):
        find_own_material(
            tmp_path,
            sounds=sounds,
            clips=tmp_path / "clips",
            seen_sounds={"1-1.wav", "a.wav"},
            seen_clips=set(),
        )


def test_the_shipped_model_takes_what_the_encoders_give() -> None:
    trained, facts = load_composed()
    shape = trained.model.shape
    assert dict(shape.modalities) == {modality.value: EMBEDDING_DIMS[modality] for modality in CONTRIBUTION_ORDER}
    assert shape.tasks[0].classes == EVENT_CLASSES
    assert facts["decode"]["stay"] <= facts["decode"]["begin"]


@pytest.mark.skipif(not (DATA / "esc10").is_dir(), reason=f"no data at {DATA}; set BRAID_DATA")
def test_parts_share_no_recording_and_the_facts_name_what_was_seen() -> None:
    parts = {part: find_material(DATA, part) for part in get_args(Part)}
    recordings = {
        part: {path.stem.rpartition("-")[0] for _, path in material.sounds} for part, material in parts.items()
    }
    clips = {part: {path.name for path in material.clips} for part, material in parts.items()}
    for one, other in (("training", "validation"), ("training", "test"), ("validation", "test")):
        assert not recordings[one] & recordings[other]
        assert not clips[one] & clips[other]
    _, facts = load_composed()
    learned = [*parts["training"].sounds, *parts["validation"].sounds]
    assert set(facts["seen"]["sounds"]) == {path.name for _, path in learned}
    assert set(facts["seen"]["clips"]) == clips["training"] | clips["validation"]
