"""A window's raw items as the fusion model's input: pixels, and the seconds of sounds where they lie."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.audio import pieces
from processors.errors import ModelError
from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import AUDIO_RATE_HZ, EMBEDDING_DIMS, raw_items
from streams.records import Item
from streams.worker.answer import FusionAnswer, detection_of, fusion_inputs, stack_inputs, union_ms
from streams.worker.encoders import Content, Encoded

SERVED = ServedFacts(EMBEDDING_DIMS, ("leak",), {"leak": 0.5}, raw={Modality.VIDEO: 4, Modality.AUDIO: 4}, max_batch=8)
WINDOW = SimpleNamespace(id="dock-1/4000/4000", source_id="dock-1", start_ms=4_000, end_ms=8_000, closed_by="watermark")
NOTHING = np.zeros(0, np.float32)


def item(modality, start_ms, end_ms):
    place = (modality, 0, start_ms, None, None, None, b"")
    return Item(f"{modality}-{start_ms}", "dock-1", modality, start_ms, end_ms, end_ms, False, *place)


def frame(at_ms, shade):
    pixels = np.full((1, 224, 224, 3), shade, np.uint8)
    return Encoded(item(Modality.VIDEO, at_ms, at_ms), Content(NOTHING, raw=pixels))


def sound(start_ms, seconds, rate=AUDIO_RATE_HZ):
    """Each sample says in which millisecond it lies, from the sound's start."""
    samples = np.arange(round(seconds * AUDIO_RATE_HZ), dtype=np.float32) / (AUDIO_RATE_HZ / 1_000)
    content = Content(NOTHING, round(seconds * rate), rate, raw=pieces(samples))
    return Encoded(item(Modality.AUDIO, start_ms, start_ms + round(seconds * 1_000)), content)


def detect(items):
    answer = FusionAnswer(np.array([0.1], np.float32), np.zeros((3, 1), np.float32), np.zeros(128, np.float32), "7", {})
    names = {Modality.TRANSCRIPT: "text_encoder"}
    rest = {"required": [], "encoder_names": names, "fusion_name": "fusion", "closed_ms": 9_000, "shed": {}}
    return detection_of(WINDOW, items, answer, served=SERVED, **rest)


def test_frames_are_laid_out_as_pixels_and_what_is_missing_is_padding():
    inputs = fusion_inputs(WINDOW, [frame(4_000, 10), frame(5_500, 20)], SERVED.items)
    assert inputs["video"].dtype == np.uint8
    assert inputs["video"].shape == (4, 224, 224, 3)
    assert inputs["video"][:, 0, 0, 0].tolist() == [10, 20, 0, 0]
    assert inputs["video_time"].tolist() == [0, 1.5, 0, 0]
    assert inputs["video_weight"].tolist() == [1, 1, 0, 0]
    assert inputs["audio"].shape == (4, AUDIO_RATE_HZ)
    assert not inputs["audio_weight"].any()
    assert inputs["transcript"].shape == (16, 384)


def test_more_frames_than_the_model_takes_are_sampled_evenly_and_said():
    frames = [frame(4_000 + 100 * k, k) for k in range(40)]
    inputs = fusion_inputs(WINDOW, frames, SERVED.items)
    assert inputs["video"][:, 0, 0, 0].tolist() == [0, 13, 26, 39]
    coverage = detect(frames).coverage.video
    assert (coverage.items, coverage.used) == (40, 4)


def test_a_sound_of_a_second_or_less_is_one_row_with_the_items_own_span():
    inputs = fusion_inputs(WINDOW, [sound(3_750, 1), sound(4_750, 0.5)], SERVED.items)
    assert inputs["audio_time"].tolist() == pytest.approx([-0.25, 0.75, 0, 0])
    assert inputs["audio_weight"].tolist() == pytest.approx([0.75, 1, 0, 0])
    assert inputs["audio"][1, 7_999] > 0
    assert not inputs["audio"][1, 8_000:].any()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_longer_sound_is_its_seconds_each_with_its_own_time_and_those_outside_are_left_out(rate):
    inputs = fusion_inputs(WINDOW, [sound(2_500, 4, rate)], SERVED.items)
    # Its seconds begin at 2.5, 3.5, 4.5 and 5.5 s; the first one ends before the window begins.
    assert inputs["audio_time"].tolist() == pytest.approx([-0.5, 0.5, 1.5, 0])
    assert inputs["audio_weight"].tolist() == pytest.approx([0.5, 1, 1, 0])
    assert inputs["audio"][:3, 0].tolist() == pytest.approx([1_000, 2_000, 3_000])


def test_a_sound_that_is_no_whole_number_of_seconds_is_covered_by_seconds_that_overlap():
    inputs = fusion_inputs(WINDOW, [sound(5_000, 2.5)], SERVED.items)
    assert inputs["audio_time"].tolist() == pytest.approx([1, 1.75, 2.5, 0])
    assert inputs["audio"][:3, -1].tolist() == pytest.approx([1_000, 1_750, 2_500], abs=0.1)


def test_coverage_says_of_how_many_sounds_the_model_is_given_a_second():
    sounds = [sound(4_000, 3), sound(7_000, 0.2), sound(7_200, 0.2), sound(7_400, 0.2), sound(7_600, 0.2)]
    # Of seven rows those at 0, 2, 4 and 6 are taken: two of the first sound, and the third and fifth sound.
    coverage = detect(sounds).coverage.audio
    assert (coverage.items, coverage.used) == (5, 3)
    assert coverage.samples == sum(each.content.samples for each in sounds)


def test_a_detection_names_no_encoder_of_what_no_encoder_saw():
    words = Encoded(item(Modality.TRANSCRIPT, 5_000, 5_500), Content(np.ones(384, np.float32), model_version="3"))
    detection = detect([frame(4_000, 1), sound(4_000, 1), words])
    assert detection.models == {"fusion": "7", "text_encoder": "3"}
    assert detection.missing == ()


def test_windows_of_raw_items_are_put_into_one_request():
    inputs = [fusion_inputs(WINDOW, [frame(4_000, shade)], SERVED.items) for shade in (3, 4)]
    assert stack_inputs(inputs)["video"].shape == (2, 4, 224, 224, 3)
    assert stack_inputs(inputs)["video"].nbytes == 2 * SERVED.items[Modality.VIDEO].row_bytes


def test_a_frame_of_another_form_is_refused_with_both():
    wrong = Encoded(item(Modality.VIDEO, 5_000, 5_000), Content(NOTHING, raw=np.zeros((1, 2, 2, 3), np.uint8)))
    with pytest.raises(ModelError, match=r"rows uint8 \[2, 2, 3\], expected uint8 \[224, 224, 3\]"):
        fusion_inputs(WINDOW, [wrong], {**SERVED.items, Modality.VIDEO: raw_items(Modality.VIDEO, 4)})


@given(
    st.integers(-6_000, 6_000),
    st.integers(1_001, 9_000),
    st.sampled_from([8_000, 16_000, 44_100]),
)
def test_the_seconds_of_a_long_sound_cover_all_of_it_that_lies_in_the_window(offset_ms, length_ms, rate):
    start_ms = WINDOW.start_ms + offset_ms
    inside_ms = max(0, min(WINDOW.end_ms, start_ms + length_ms) - max(WINDOW.start_ms, start_ms))
    tensors = {**SERVED.items, Modality.AUDIO: raw_items(Modality.AUDIO, 16)}
    inputs = fusion_inputs(WINDOW, [sound(start_ms, length_ms / 1_000, rate)], tensors)
    weights, times_ms = inputs["audio_weight"], 1_000 * inputs["audio_time"]
    spans = [(max(0, round(at_ms)), min(4_000, round(at_ms) + 1_000)) for at_ms in times_ms[weights > 0]]
    assert ((weights >= 0) & (weights <= 1)).all()
    assert union_ms(spans) == pytest.approx(inside_ms, abs=2)
