import numpy as np

from processors.normality.features import PartFeatures
from processors.normality.heat import HEAT_GRID, heat_of

ROWS, COLUMNS = HEAT_GRID


def _boxed(*boxes):
    return PartFeatures(np.zeros((len(boxes), 3), np.float32), None, (0,) * len(boxes), np.array(boxes, np.float32))


def _heat(part, *values):
    return heat_of(part, np.array(values, np.float32))


def test_a_grid_keeps_its_own_cells():
    part = PartFeatures(np.zeros((6, 3), np.float32), (2, 3))
    assert _heat(part, *range(6)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_box_is_as_hot_as_its_value_and_nothing_around_it():
    for row in range(ROWS):
        for column in range(COLUMNS):
            heat = _heat(_boxed((column / COLUMNS, row / ROWS, 1 / COLUMNS, 1 / ROWS)), 3)
            assert heat[row, column] == 3
            assert heat.sum() == 3


def test_where_boxes_lie_over_each_other_the_hottest_shows():
    heat = _heat(_boxed((0, 0, 1, 1), (0.5, 0.5, 0.5, 0.5)), 1, 2)
    assert heat[0, 0] == 1
    assert heat[ROWS - 1, COLUMNS - 1] == 2


def test_a_box_at_the_edge_or_without_size_is_somewhere():
    for box in ((0.9, 0.9, 0.2, 0.2), (0.3, 0.3, 0, 0), (0, 0, 0.001, 0.001)):
        assert _heat(_boxed(box), 2).max() == 2


def test_moments_are_nowhere_in_the_picture():
    part = PartFeatures(np.zeros((2, 3), np.float32), None, (0, 1000))
    assert not part.is_in_picture
    assert not _heat(part, 1, 2).any()
