import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from processors.normality.median import median, median_level

SHAPES = npst.array_shapes(max_dims=2, max_side=12)
FIGURES = npst.arrays(st.sampled_from([np.float32, np.float64]), SHAPES, elements=st.floats(-1000, 1000, width=32))
PICTURES = npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(FIGURES)
def test_of_figures_it_is_the_median_to_the_bit(values):
    before = values.copy()
    assert median(values) == np.median(values)
    assert np.array_equal(values, before)


@given(PICTURES)
def test_of_a_picture_it_is_the_median_level(picture):
    assert median_level(picture) == np.median(picture)
