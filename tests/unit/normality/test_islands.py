import numpy as np
import pytest

from processors.normality.islands import find_islands, shares_up_to

REACH = np.array([1.0], np.float32)


def _islands(*points, held=None):
    scaled = np.array(points, np.float32)[None, :, None]
    return find_islands(scaled, REACH, np.array([held or [True] * len(points)]))[0]


def test_links_lead_over_others_however_long_the_chain():
    chain = np.arange(50) * 0.9
    assert _islands(*chain).all()
    assert not _islands(*chain[:20], *(chain[20:] + 0.3))[:20, 20:].any()


def test_a_free_slot_links_nothing_and_is_alone():
    islands = _islands(0, 0.9, 1.8, held=[True, False, True])
    assert islands.tolist() == np.eye(3).tolist()


def test_an_island_counts_with_all_that_are_no_more_common():
    islands = _islands(0, 0.5, 10, 20, 30)
    shares = shares_up_to(islands[None], np.array([[30, 30, 30, 10, 0]], np.float32))
    assert shares[0].tolist() == pytest.approx([1, 1, 0.4, 0.1, 0])
