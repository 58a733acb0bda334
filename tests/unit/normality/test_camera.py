import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.normality.camera import LIGHT_MEASURES, measure_exposure, measure_light
from processors.normality.observation import THUMBNAIL_SHAPE, SeenFrame

NOTHING = np.zeros(0, np.float32)
PLAIN = LIGHT_MEASURES.index("plain")


def _frames(thumbnail):
    return [SeenFrame(0, NOTHING, NOTHING.astype(np.float16), thumbnail)]


@st.composite
def thumbnails(draw):
    """Of blocks between even and coarse, around any grey level."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = rng.integers(0, draw(st.sampled_from([1, 8, 256])), (15, 20)).repeat(8, 0).repeat(8, 1)
    grey = draw(st.integers(0, 255)) + rng.integers(0, spread + 1)
    return np.minimum(grey, 255).astype(np.uint8)


@given(thumbnails())
def test_light_is_what_the_definitions_say(thumbnail):
    brightness, contrast, _, plain = measure_light(_frames(thumbnail))
    assert brightness == pytest.approx(thumbnail.mean() / 16, abs=1e-6)
    assert contrast == pytest.approx(np.log2(thumbnail.std() + 0.5), abs=1e-6)
    blocks = thumbnail.reshape(15, 8, 20, 8).transpose(0, 2, 1, 3).reshape(-1, 64)
    assert plain == np.float32(8 * np.mean([block.std() < 2 for block in blocks]))


@given(thumbnails())
def test_exposure_is_the_beginning_of_light(thumbnail):
    assert measure_exposure(_frames(thumbnail)).tolist() == measure_light(_frames(thumbnail))[:2].tolist()


def test_a_picture_of_one_grey_shows_nothing():
    for level in range(256):
        light = measure_light(_frames(np.full(THUMBNAIL_SHAPE, level, np.uint8)))
        assert light.tolist() == [level / 16, -1, 0, 8]
