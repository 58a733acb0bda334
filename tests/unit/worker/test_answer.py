"""A window's items as the fusion model's input, and as coverage."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES, MAX_FRAMES, embedded_items
from streams.records import Item
from streams.worker.answer import (
    FusionAnswer,
    detection_of,
    fusion_inputs,
    item_ranges,
    samples_inside,
    union_ms,
    without,
)
from streams.worker.encoders import Content, Encoded

DIMS = EMBEDDING_DIMS
TENSORS = {modality: embedded_items(modality, dim) for modality, dim in DIMS.items()}
WINDOW = SimpleNamespace(id="dock-1/4000/4000", source_id="dock-1", start_ms=4_000, end_ms=8_000, closed_by="watermark")


def item(modality, start_ms, end_ms=None, offset=0):
    end_ms = start_ms if end_ms is None else end_ms
    item_id = f"{modality}-{start_ms}"
    return Item(
        item_id, "dock-1", modality, start_ms, end_ms, end_ms, False, modality, 0, offset, None, None, None, b""
    )


def encoded(modality, start_ms, end_ms=None, *, fill=1.0, samples=0, rate=0, text="", offset=0, version="1"):
    content = Content(np.full(DIMS[modality], fill, np.float32), samples, rate, text, version)
    return Encoded(item(modality, start_ms, end_ms, offset), content)


def answered(items, probabilities=(0.1, 0.8, 0.2, 0.3), thresholds=None, served=None):
    contributions = np.zeros((3, len(probabilities)), np.float32)
    served = served or ServedFacts(DIMS, EVENT_CLASSES, dict.fromkeys(EVENT_CLASSES, 0.5))
    own = thresholds or served.thresholds
    answer = FusionAnswer(np.array(probabilities, np.float32), contributions, np.zeros(128, np.float32), "1", own)
    return detection_of(
        WINDOW,
        items,
        answer,
        required=[Modality.VIDEO, Modality.AUDIO],
        served=served,
        encoder_names={modality: f"{modality}_encoder" for modality in Modality},
        fusion_name="fusion",
        closed_ms=9_000,
        shed={},
    )


def test_a_frame_weighs_one_and_is_placed_in_seconds_from_the_start():
    inputs = fusion_inputs(WINDOW, [encoded(Modality.VIDEO, 5_500)], TENSORS)
    assert inputs["video_time"][0] == pytest.approx(1.5)
    assert inputs["video_weight"].tolist() == [1.0] + [0.0] * (MAX_FRAMES - 1)


def test_a_chunk_that_began_before_the_window_weighs_what_lies_inside():
    inputs = fusion_inputs(WINDOW, [encoded(Modality.AUDIO, 3_750, 4_750)], TENSORS)
    assert inputs["audio_time"][0] == pytest.approx(-0.25)
    assert inputs["audio_weight"][0] == pytest.approx(0.75)


def test_more_frames_than_the_model_takes_are_sampled_evenly_and_said():
    frames = [encoded(Modality.VIDEO, 4_000 + 40 * k, fill=k) for k in range(100)]
    inputs = fusion_inputs(WINDOW, frames, TENSORS)
    assert inputs["video"][0, 0] == 0
    assert inputs["video"][MAX_FRAMES - 1, 0] == 99
    coverage = answered(frames).coverage.video
    assert (coverage.items, coverage.used) == (100, MAX_FRAMES)


def test_the_event_is_the_most_probable_class_above_its_threshold():
    assert answered([encoded(Modality.VIDEO, 5_000)]).event == "collision"
    assert answered([encoded(Modality.VIDEO, 5_000)], thresholds=dict.fromkeys(EVENT_CLASSES, 0.9)).event is None


def test_thresholds_are_those_of_the_version_that_answered_whatever_the_repository_has():
    first, second = EVENT_CLASSES[:2]
    detection = answered([encoded(Modality.VIDEO, 5_000)], (0.6, 0.8, 0.2, 0.3), {first: 0.55, second: 0.85})
    assert detection.event == first


def test_classes_are_those_that_are_served():
    served = ServedFacts(DIMS, ("leak", "mood.good", "steam"), {"leak": 0.3, "steam": 0.95})
    detection = answered([encoded(Modality.VIDEO, 5_000)], (0.4, 0.99, 0.9), served=served)
    assert detection.probabilities == {"leak": 0.4, "mood.good": 0.99, "steam": 0.9}
    assert detection.contributions[Modality.AUDIO].keys() == detection.probabilities.keys()
    assert detection.event == "leak"


def test_items_are_laid_out_as_long_as_the_served_model_takes_them():
    tensors = {**TENSORS, Modality.VIDEO: embedded_items(Modality.VIDEO, 7)}
    frame = Encoded(item(Modality.VIDEO, 5_000), Content(np.ones(7, np.float32)))
    inputs = fusion_inputs(WINDOW, [frame], tensors)
    assert inputs["video"].shape == (MAX_FRAMES, 7)
    assert inputs["audio"].shape == (16, DIMS[Modality.AUDIO])
    with pytest.raises(ModelError, match=r"video items: rows float32 \[7\], expected float32 \[1280\]"):
        fusion_inputs(WINDOW, [frame], TENSORS)


def test_required_modalities_that_brought_nothing_are_missing():
    assert answered([encoded(Modality.VIDEO, 5_000)]).missing == (Modality.AUDIO,)
    assert answered([]).missing == (Modality.VIDEO, Modality.AUDIO)


def test_a_detection_names_the_models_that_took_part():
    assert answered([encoded(Modality.AUDIO, 4_000, 5_000)]).models == {"audio_encoder": "1", "fusion": "1"}


def test_a_detection_names_every_version_that_encoded_its_items():
    seconds = [encoded(Modality.AUDIO, 1_000 * k, version=version) for k, version in enumerate(["2", "1, 2", "3", "2"])]
    assert answered(seconds).models == {"audio_encoder": "1, 2, 3", "fusion": "1"}


def test_words_are_joined_in_order_and_cut_to_four_kilobytes():
    words = [encoded(Modality.TRANSCRIPT, 4_000 + k, 4_500 + k, text="ä" * 1_500) for k in range(2)]
    transcript = answered(words).transcript
    assert len(transcript.encode()) <= 4_096
    assert transcript.startswith("ä")


@given(
    st.integers(0, 3_000),
    st.integers(1, 5_000),
    st.sampled_from([8_000, 16_000, 44_100]),
    st.integers(0, 4_000),
    st.integers(0, 4_000),
)
def test_samples_inside_counts_exactly_those_whose_moment_lies_inside(start_ms, samples, rate, from_ms, length_ms):
    chunk = item(Modality.AUDIO, start_ms)
    brute = sum(from_ms <= start_ms + i * 1000 // rate < from_ms + length_ms for i in range(samples))
    assert samples_inside(chunk, samples, rate, from_ms, from_ms + length_ms) == brute


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))))
def test_a_union_counts_every_millisecond_once(spans):
    assert union_ms(spans) == len({ms for start, end in spans for ms in range(start, end)})


@given(st.sets(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 30))))
def test_ranges_list_exactly_the_records_given(places):
    items = [item(Modality.VIDEO, 0) for _ in places]
    for one, (topic, partition, offset) in zip(items, places, strict=True):
        one.topic, one.partition, one.offset = topic, partition, offset
    listed = {
        (found.topic, found.partition, offset)
        for found in item_ranges(items)
        for offset in range(found.first_offset, found.last_offset + 1)
    }
    assert listed == places


@given(listed=st.sets(st.integers(0, 15)), taken=st.sets(st.integers(0, 15)))
def test_ranges_without_some_records_list_exactly_the_others(listed, taken):
    def at(offsets):
        return [item(Modality.VIDEO, offset, offset=offset) for offset in sorted(offsets)]

    left = without(item_ranges(at(listed)), at(taken))
    assert left == item_ranges(at(listed - taken))


def test_another_topic_or_partition_takes_nothing_from_a_range():
    [video] = item_ranges([item(Modality.VIDEO, 1, offset=7)])
    assert without([video], [item(Modality.AUDIO, 1, offset=7)]) == [video]
