import json
from dataclasses import replace

import numpy as np
import pytest

from processors.models.spec import EVENT_CLASSES
from processors.scenes import EVENT_KINDS, SOUND_RATE_HZ, Scene, SceneError, SceneSettings, compose_scene, label_scene
from processors.scenes.pictures import PAINTERS
from processors.scenes.sounds import SOUNDS
from processors.scenes.words import EVENT_LINES


def test_every_event_class_of_the_models_can_be_seen_heard_and_said():
    assert EVENT_KINDS == EVENT_CLASSES
    for kind in EVENT_KINDS:
        assert kind in PAINTERS
        assert kind in SOUNDS
        assert EVENT_LINES[kind]


def test_the_same_seed_gives_the_same_bytes(scene: Scene, small: SceneSettings, footage: np.ndarray):
    again = compose_scene(small, footage)
    assert again.sound.tobytes() == scene.sound.tobytes()
    assert again.cues == scene.cues
    assert again.labels == scene.labels
    assert all((one == other).all() for one, other in zip(again.frames(), scene.frames(), strict=True))


def test_labels_and_cues_can_be_had_without_composing(scene: Scene, small: SceneSettings):
    assert label_scene(small) == (scene.labels, scene.cues)


def test_another_seed_gives_another_scene(scene: Scene, small: SceneSettings, footage: np.ndarray):
    other = compose_scene(replace(small, seed=42), footage)
    assert other.labels.events != scene.labels.events
    assert other.sound.tobytes() != scene.sound.tobytes()
    assert (next(other.frames()) != next(scene.frames())).any()


def test_frames_have_the_size_and_number_that_was_asked_for(scene: Scene):
    frames = list(scene.frames())
    assert len(frames) == scene.frame_count == 70
    assert all(frame.shape == (96, 128, 3) and frame.dtype == np.uint8 for frame in frames)
    assert scene.frame_time_ms(69) == 13_800


def test_frames_are_drawn_only_when_asked_for(small: SceneSettings, footage: np.ndarray):
    five_gigabytes = replace(small, fps=120.0, width_px=1024, height_px=1024)
    first = next(compose_scene(five_gigabytes, footage).frames())
    assert first.shape == (1024, 1024, 3)


def test_a_frame_shows_the_same_moment_at_any_rate(small: SceneSettings, footage: np.ndarray):
    still = footage[:1]
    slow = list(compose_scene(replace(small, fps=2.0), still).frames())
    fast = list(compose_scene(replace(small, fps=4.0), still).frames())
    assert all((one == other).all() for one, other in zip(slow, fast[::2], strict=True))


def test_sound_is_mono_float_at_the_rate_and_within_range(scene: Scene):
    assert scene.sound.dtype == np.float32
    assert scene.sound.shape == (14 * SOUND_RATE_HZ,)
    assert np.abs(scene.sound).max() <= 1.0


def test_labels_follow_their_schema(scene: Scene):
    document = json.loads(scene.labels.to_json())
    assert document["schema"] == "braid.scene.labels.v1"
    assert document["seed"] == 41
    assert document["duration_ms"] == 14_000
    assert [event["class"] for event in document["events"]] == [e.event_class for e in scene.labels.events]
    assert {tuple(event) for event in document["events"]} == {("class", "start_ms", "end_ms", "modalities")}


@pytest.mark.parametrize(
    ("field", "value"),
    [("duration_s", 2.0), ("fps", 0.0), ("width_px", 8), ("event_every_s", 1.0), ("seed", -1), ("snr_db", 99.0)],
)
def test_a_setting_out_of_range_names_itself_and_the_range(field: str, value: float):
    with pytest.raises(SceneError, match=rf"scene: {field} is .* expected .* to "):
        SceneSettings(**{field: value})


def test_footage_of_another_shape_is_refused(small: SceneSettings):
    scene = compose_scene(small, np.zeros((96, 128, 3), np.uint8))
    with pytest.raises(SceneError, match=r"footage is uint8 \[96, 128, 3\], expected uint8 \[N, H, W, 3\]"):
        next(scene.frames())
