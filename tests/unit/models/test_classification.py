"""Figures of a classifier, against sums done by hand."""

import numpy as np
import pytest

from processors.errors import ModelError
from processors.models.evaluation import report_classification
from processors.models.evaluation.classification import calibration_error, reliability_bins

CLASSES = ("rain", "siren", "dog")


def probabilities(*answers, confidence=0.8):
    rows = np.full((len(answers), len(CLASSES)), (1 - confidence) / (len(CLASSES) - 1))
    rows[np.arange(len(answers)), answers] = confidence
    return rows


def test_each_class_is_judged_against_all_others():
    truth = np.array([0, 0, 0, 1, 1, 2])
    report = report_classification(truth, probabilities(0, 0, 1, 1, 1, 0), CLASSES)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.confusion == ((2, 1, 0), (0, 2, 0), (1, 0, 0))
    rain, siren, dog = report.classes.values()
    assert (rain.precision, rain.recall, rain.support) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (siren.precision, siren.recall) == (pytest.approx(2 / 3), 1)
    assert (dog.precision, dog.recall, dog.f1) == (0, 0, 0)
    assert report.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0) / 3)


def test_a_class_without_examples_keeps_its_place():
    report = report_classification(np.array([0, 1]), probabilities(0, 1), CLASSES)
    assert report.accuracy == 1
    assert report.classes["dog"].support == 0
    assert "| dog | 0.000 | 0.000 | 0.000 | 0 |" in report.as_markdown()
    assert report.as_json()["confusion"] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_the_calibration_error_is_the_gap_between_stated_and_true():
    def error(is_right, confidence):
        return calibration_error(reliability_bins(np.array(is_right), np.array(confidence)))

    is_right = [True] * 6 + [False] * 4
    assert error(is_right, [0.6] * 10) == pytest.approx(0)
    assert error(is_right, [0.9] * 10) == pytest.approx(0.3)
    assert error([True, False], [1.0, 0.1]) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("truth", "answers"),
    [
        (np.array([0]), np.full((1, 2), 0.5)),
        (np.array([], int), np.empty((0, 3))),
        (np.array([0]), np.array([[np.nan, 0.5, 0.5]])),
    ],
    ids=["one column too few", "nothing", "NaN"],
)
def test_what_cannot_be_judged_is_refused(truth, answers):
    with pytest.raises(ModelError, match=r"expected|finite"):
        report_classification(truth, answers, CLASSES)
