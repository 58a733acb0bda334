"""Figures of classes that may happen together, against figures worked out by hand."""

import json

import numpy as np
import pytest

from processors.errors import ModelError
from processors.models.evaluation.classification import report_classification
from processors.models.evaluation.confusion import confuse
from processors.models.evaluation.model_page import render_model
from processors.models.evaluation.model_report import ModelReport
from processors.models.evaluation.multilabel import report_multilabel

THRESHOLDS = {"crash": 0.5, "alarm": 0.8, "fire": 0.5}
TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, np.nan, 0]], np.float32)
STATED = np.array([[0.9, 0.7, 0.1], [0.4, 0.9, 0.1], [0.6, 0.1, 0.1], [0.2, 0.95, 0.1]], np.float32)


@pytest.fixture
def report():
    return report_multilabel(TRUTH, STATED, THRESHOLDS)


def test_figures_of_each_class_are_those_worked_out_by_hand(report):
    crash, alarm, fire = report.classes.values()
    assert (crash.precision, crash.recall, crash.f1, crash.support, crash.known) == (0.5, 0.5, 0.5, 2, 4)
    assert (alarm.precision, alarm.recall, alarm.support, alarm.known) == (1.0, 0.5, 2, 3)
    assert (fire.precision, fire.recall, fire.f1, fire.average_precision, fire.support) == (0, 0, 0, 0, 0)
    assert crash.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert crash.calibration_error == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4)


def test_an_example_is_right_if_all_that_is_known_of_it_is(report):
    assert report.accuracy == 2 / 4
    assert report.macro_precision == pytest.approx((0.5 + 1) / 2)
    assert report.macro_recall == pytest.approx((0.5 + 0.5) / 2)


def test_what_was_taken_for_what_is_counted_and_none_is_a_class(report):
    # Rows and columns: crash, alarm, fire, none. The third example is an alarm taken for a crash, the second lacks one.
    assert report.confusion == ((1, 0, 0, 1), (1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 1))
    assert "| alarm | 1 | 1 | 0 | 0 |" in report.as_markdown()


def test_every_missed_class_is_taken_for_every_false_one_and_what_is_told_beside_the_truth_is_for_none():
    is_true = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    is_told = np.array([[0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 0]], bool)
    assert confuse(is_true, is_told) == (
        (1, 0, 1, 1, 0),
        (0, 0, 1, 1, 0),
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 1, 0, 1, 0),
    )


def test_classes_without_examples_do_not_count_in_the_mean(report):
    assert report.macro_f1 == pytest.approx((0.5 + 2 / 3) / 2)
    assert report.micro_f1 == pytest.approx(2 * 2 / (3 + 4))


def test_what_is_not_known_counts_nowhere(report):
    other = STATED.copy()
    other[3, 1] = 0.0
    assert report_multilabel(TRUTH, other, THRESHOLDS) == report
    nobody = np.concatenate([TRUTH, np.full((1, 3), np.nan, np.float32)])
    assert report_multilabel(nobody, np.concatenate([STATED, STATED[:1]]), THRESHOLDS) == report
    assert sum(entry.count for entry in report.reliability) == 11


@pytest.mark.parametrize(
    ("truth", "stated"),
    [(TRUTH, STATED[:2]), (TRUTH[:, :2], STATED[:, :2]), (TRUTH * np.nan, STATED), (TRUTH, STATED * np.inf)],
)
def test_answers_that_do_not_fit_are_refused(truth, stated):
    with pytest.raises(ModelError):
        report_multilabel(truth, stated, THRESHOLDS)


def test_the_report_is_json_and_a_table(report):
    told = json.loads(json.dumps(report.as_json()))
    assert told["classes"]["alarm"]["threshold"] == 0.8
    assert "| alarm | 0.800 | 1.000 | 0.500 | 0.667 |" in report.as_markdown()


def test_the_page_shows_every_task_and_names_are_text(report):
    mood = report_classification(np.array([0, 1]), np.eye(2) * 0.8 + 0.1, ["<script>", "good"])
    views = {"all": {"event": 0.5, "mood": 1.0}, "video alone": {"event": 0.125, "mood": 0.5}}
    page = render_model("Fusion", ModelReport({"event": report, "mood": mood}, views, None), {"data": "a & b"})
    assert page.count("<svg") == 4
    assert "<td>0.125</td>" in page
    assert "Events and their times" not in page
    assert "<td>0.667</td>" in page
    assert "<th>average precision</th>" in page
    assert "a &amp; b" in page
    assert "<script" not in page
