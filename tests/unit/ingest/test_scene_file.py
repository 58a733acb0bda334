import json

import numpy as np
import orjson
import pytest

from processors.modality import Modality
from processors.scenes import Cue, SceneSettings, compose_scene
from streams.errors import MediaError
from streams.ingest import ReadOptions
from streams.ingest.scene_file import webvtt, write_scene


@pytest.fixture(scope="module")
def scene():
    footage = np.random.default_rng(3).integers(0, 255, (4, 64, 64, 3), np.uint8)
    return compose_scene(SceneSettings(seed=3, duration_s=8, fps=1, width_px=64, height_px=64), footage)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_scene_reads_back_with_each_frame_sample_and_cue_in_its_place(scene, tmp_path, read, suffix):
    files = write_scene(scene, tmp_path / f"scene{suffix}")
    result = read(files.media, ReadOptions(fps=None))
    frames = result.contents(Modality.VIDEO)
    assert [frame.start_ms for frame in frames] == [scene.frame_time_ms(index) for index in range(scene.frame_count)]
    heard = np.frombuffer(b"".join(chunk.payload for chunk in result.contents(Modality.AUDIO)), np.int16)
    np.testing.assert_array_equal(heard, np.round(np.clip(scene.sound, -1, 1) * 32767).astype(np.int16))
    assert result.contents(Modality.AUDIO)[0].start_ms == 0
    spoken = [
        Cue(segment.start_ms, segment.due_ms, orjson.loads(segment.payload)["text"])
        for segment in result.contents(Modality.TRANSCRIPT)
    ]
    assert spoken == list(scene.cues)
    assert json.loads(files.labels.read_text()) == json.loads(scene.labels.to_json())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["scene.labels.json", f"scene{suffix}", "scene.vtt"]


def test_odd_sides_are_written(tmp_path, read):
    footage = np.zeros((2, 65, 67, 3), np.uint8)
    odd = compose_scene(SceneSettings(duration_s=8, fps=0.5, width_px=67, height_px=65), footage)
    assert len(read(write_scene(odd, tmp_path / "odd.mp4").media).contents(Modality.VIDEO)) == 4


def test_another_suffix_is_refused(scene, tmp_path):
    with pytest.raises(MediaError, match=r"does not end in \.mp4 or \.mkv"):
        write_scene(scene, tmp_path / "scene.avi")


def test_a_directory_that_does_not_exist_is_told(scene, tmp_path):
    with pytest.raises(MediaError, match="choose a directory that exists"):
        write_scene(scene, tmp_path / "nowhere" / "scene.mp4")


def test_a_scene_that_fails_midway_leaves_the_old_file_and_no_part(scene, tmp_path):
    class Torn:
        settings, sound, cues, labels = scene.settings, scene.sound, scene.cues, scene.labels

        def frames(self):
            yield next(scene.frames())
            raise OSError("torn")

    out = tmp_path / "scene.mp4"
    out.write_bytes(b"old")
    with pytest.raises(MediaError, match="torn"):
        write_scene(Torn(), out)
    assert out.read_bytes() == b"old"
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".part")]


def test_webvtt_escapes_what_it_reserves():
    assert webvtt((Cue(3_600_001, 3_661_234, "a < b & c"),)) == (
        "WEBVTT\n\n01:00:00.001 --> 01:01:01.234\na &lt; b &amp; c\n"
    )
