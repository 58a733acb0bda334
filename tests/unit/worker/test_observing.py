"""What a baseline looks at of a window, and what is kept of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from processors.errors import ModelError
from processors.modality import Modality
from processors.normality import Part, PartFeatures, SeenFrame, WindowFeatures
from processors.normality.sound_measures import SOUND_MEASURES
from streams.records import Item
from streams.worker.encoders import Content, Encoded, Sound
from streams.worker.observing import KeptFeatures, observe

FPS = 5.0
WINDOW = SimpleNamespace(id="dock-1/4000/4000", source_id="dock-1", start_ms=4_000, end_ms=8_000)


def item(modality, start_ms, end_ms):
    return Item("i", "dock-1", modality, start_ms, end_ms, end_ms, False, modality, 0, 0, None, None, None, b"")


def frame(at_ms, *, is_seen=True):
    embedding, cells = np.ones(8, np.float32), np.full((5, 5, 40), at_ms, np.float16)
    seen = SeenFrame(at_ms, embedding, cells, np.zeros((120, 160), np.uint8)) if is_seen else None
    return Encoded(item(Modality.VIDEO, at_ms, at_ms), Content(embedding, seen=seen))


def chunk(start_ms, samples, rate, seconds):
    embeddings = np.arange(seconds * 8, dtype=np.float32).reshape(seconds, 8)
    sound = Sound(embeddings, np.zeros((seconds, len(SOUND_MEASURES)), np.float32))
    content = Content(embeddings.mean(axis=0), samples=samples, sample_rate_hz=rate, sound=sound)
    return Encoded(item(Modality.AUDIO, start_ms, start_ms + samples * 1000 // rate), content)


def segment(start_ms, end_ms, text):
    return Encoded(item(Modality.TRANSCRIPT, start_ms, end_ms), Content(np.ones(8, np.float32), text=text))


def test_frames_are_seen_with_their_cells_and_thumbnails_in_order_of_time():
    seen = observe(WINDOW, [frame(4_000), frame(5_000), frame(6_000, is_seen=False)], FPS).frames
    assert [each.at_ms for each in seen] == [4_000, 5_000]
    assert seen[1].cells[0, 0, 0] == 5_000


def test_of_many_frames_the_same_ones_are_seen_in_overlapping_windows():
    frames = [frame(4_000 + 40 * number) for number in range(150)]
    first = [each.at_ms for each in observe(WINDOW, frames[:100], FPS).frames]
    later = SimpleNamespace(start_ms=6_000, end_ms=10_000)
    second = [each.at_ms for each in observe(later, frames[50:], FPS).frames]
    assert len(first) == len(second) == 20
    assert [at_ms for at_ms in first if at_ms >= 6_000] == [at_ms for at_ms in second if at_ms < 8_000]


def test_a_camera_that_is_slow_enough_is_seen_whole():
    assert len(observe(WINDOW, [frame(4_000 + 210 * number) for number in range(19)], FPS).frames) == 19


def test_seconds_lie_where_the_chunk_was_cut():
    heard = observe(WINDOW, [chunk(4_000, 20_000, 8_000, 3)], FPS).seconds
    assert [(each.start_ms, each.end_ms) for each in heard] == [(4_000, 5_000), (4_750, 5_750), (5_500, 6_500)]
    assert heard[2].embedding[0] == 16


def test_a_short_chunk_is_as_long_as_it_is():
    heard = observe(WINDOW, [chunk(4_000, 8_000, 16_000, 1)], FPS).seconds
    assert [(each.start_ms, each.end_ms) for each in heard] == [(4_000, 4_500)]


def test_a_second_and_a_segment_belong_to_the_window_in_which_they_are_over():
    items = [chunk(3_000, 16_000, 16_000, 1), chunk(3_500, 16_000, 16_000, 1), chunk(7_500, 16_000, 16_000, 1)]
    words = [segment(3_000, 4_000, "before"), segment(3_000, 4_200, "now"), segment(7_000, 9_000, "later")]
    observed = observe(WINDOW, [*items, *words, segment(5_000, 5_000, "a point")], FPS)
    assert [second.start_ms for second in observed.seconds] == [3_500]
    assert [each.text for each in observed.segments] == ["now", "a point"]


def test_features_read_back_with_the_models_that_made_them():
    vectors = np.array([[1.0, -2.5]], np.float32)
    features = WindowFeatures(0, 4_000, {Part.SCENE: PartFeatures(vectors)}, ("watch", "out"))
    kept = KeptFeatures.from_bytes(KeptFeatures({"video_encoder": "1"}, features).to_bytes())
    assert kept.models == {"video_encoder": "1"}
    assert kept.features.words == ("watch", "out")
    assert kept.features.parts[Part.SCENE].vectors.tolist() == vectors.tolist()


@pytest.mark.parametrize("data", [b"", b"\x05\x00\x00\x00{}", b"\x02\x00\x00\x00{}BWF1", b"\xff\xff\xff\xff"])
def test_other_bytes_are_refused(data):
    with pytest.raises(ModelError):
        KeptFeatures.from_bytes(data)


@pytest.mark.parametrize(("value", "is_finite"), [(1.0, True), (np.nan, False), (-np.inf, False), (1e6, False)])
def test_what_cannot_be_kept_as_a_number_is_found_out(value, is_finite):
    features = WindowFeatures(0, 4_000, {Part.SCENE: PartFeatures(np.array([[value]], np.float32))})
    assert KeptFeatures({}, features).are_finite is is_finite
