import numpy as np
import pytest

from processors.models.fusion_training.footage import Footage, vary_footage


@pytest.fixture
def clips() -> tuple[Footage, Footage]:
    drawn = np.random.default_rng(2).integers(0, 256, (2, 12, 6, 8, 3), np.uint8)
    return np.kron(drawn, np.ones((1, 1, 4, 4, 1), np.uint8)).copy(), np.zeros((5, 24, 32, 3), np.uint8)


def test_a_varied_clip_has_the_size_of_the_one_it_is_made_of(clips: tuple[Footage, Footage]):
    one, other = clips[0][0], clips[1]
    made = [vary_footage(one, other, np.random.default_rng(seed)) for seed in range(40)]
    assert {clip.shape[1:] for clip in made} == {(24, 32, 3)}
    assert {len(clip) for clip in made} == {1, 5, 12}
    assert all(clip.dtype == np.uint8 for clip in made)


def test_the_same_draws_make_the_same_clip_and_others_another(clips: tuple[Footage, Footage]):
    one, other = clips[0][0], clips[0][1]
    first, again, different = (vary_footage(one, other, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], different[0])


def test_what_a_clip_is_made_of_stays_as_it_was(clips: tuple[Footage, Footage]):
    one = clips[0][0]
    before = one.copy()
    for seed in range(10):
        vary_footage(one, clips[1], np.random.default_rng(seed))
    assert np.array_equal(one, before)
