"""The HTML report: whole in one file, and nothing in it that a class's name could bring in."""

import numpy as np
import pytest

from processors.models.evaluation import report_classification
from processors.models.evaluation.html import render_html


@pytest.fixture
def page():
    truth = np.array([0, 0, 1, 1, 2])
    probabilities = np.eye(3)[[0, 1, 1, 1, 2]] * 0.7 + 0.1
    report = report_classification(truth, probabilities, ["rain", "<script>alert(1)</script>", "dog & cat"])
    return render_html("Sounds", report, {"data": "esc<10>", "seed": "3"})


def test_the_page_has_all_figures_and_both_plots(page):
    assert page.startswith("<!doctype html>")
    assert "<td>80.0 %</td>" in page
    assert "<td>0.667</td>" in page
    assert page.count("<svg") == 2
    assert "esc&lt;10&gt;" in page


def test_names_are_text_and_nothing_is_loaded_from_elsewhere(page):
    assert "<script" not in page
    assert 'src="' not in page
    assert "dog &amp; cat" in page
