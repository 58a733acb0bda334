import numpy as np
import pytest

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.packing import pack_items, sample_evenly
from processors.models.spec import EMBEDDING_DIMS, MAX_ITEMS


def embeddings(modality: Modality, count: int) -> np.ndarray:
    """Item i holds i + 1 in every place."""
    return np.repeat(np.arange(1, count + 1, dtype=np.float32)[:, None], EMBEDDING_DIMS[modality], axis=1)


def test_points_have_their_time_and_full_weight_and_the_rest_is_padding():
    spans = np.array([[10_000, 10_000], [13_999, 13_999]])
    items, times, weights = pack_items(Modality.VIDEO, embeddings(Modality.VIDEO, 2), spans, (10_000, 14_000))
    assert items.shape == (MAX_ITEMS[Modality.VIDEO], 1280)
    assert items[:3, 0].tolist() == [1, 2, 0]
    assert times[:3].tolist() == pytest.approx([0, 3.999, 0])
    assert weights[:3].tolist() == [1, 1, 0]
    assert not weights[2:].any()


def test_the_weight_of_a_chunk_is_its_share_inside_the_window():
    spans = np.array([[9_250, 10_250], [10_250, 11_250], [13_250, 14_250]])
    _, times, weights = pack_items(Modality.AUDIO, embeddings(Modality.AUDIO, 3), spans, (10_000, 14_000))
    assert weights[:3].tolist() == [0.25, 1, 0.75]
    assert times[:3].tolist() == [-0.75, 0.25, 3.25]


def test_what_lies_outside_the_half_open_window_weighs_nothing():
    spans = np.array([[9_999, 9_999], [14_000, 14_000]])
    _, _, weights = pack_items(Modality.VIDEO, embeddings(Modality.VIDEO, 2), spans, (10_000, 14_000))
    assert not weights.any()


def test_no_items_are_all_padding():
    nothing = np.zeros((0, 384), np.float32)
    items, times, weights = pack_items(Modality.TRANSCRIPT, nothing, np.zeros((0, 2), np.int64), (0, 4000))
    assert not items.any()
    assert not times.any()
    assert not weights.any()


def test_of_too_many_items_an_even_sample_is_taken_first_and_last_among_them():
    count = 120
    spans = np.repeat(np.arange(count)[:, None] * 33, 2, axis=1)
    items, times, weights = pack_items(Modality.VIDEO, embeddings(Modality.VIDEO, count), spans, (0, 4000))
    assert weights.all()
    assert (items[0, 0], items[-1, 0]) == (1, count)
    steps = np.diff(items[:, 0])
    assert steps.min() >= 3
    assert steps.max() <= 4
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize(("count", "limit"), [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 4)])
def test_an_even_sample_is_in_order_and_without_repeats(count: int, limit: int):
    chosen = sample_evenly(count, limit)
    assert len(chosen) == min(count, limit)
    assert (np.diff(chosen) > 0).all()


def test_embeddings_of_another_length_are_refused_with_both_shapes():
    with pytest.raises(ModelError, match=r"video items: embeddings \[1, 384\] .* expected \[N, 1280\]"):
        pack_items(Modality.VIDEO, np.zeros((1, 384), np.float32), np.zeros((1, 2), np.int64), (0, 4000))
