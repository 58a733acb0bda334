"""Probabilities that come true, and thresholds in the middle of those that serve best."""

import numpy as np
import pytest
import torch

from processors.models.evaluation.classification import calibration_error, reliability_bins
from processors.models.fusion import FusionShape, Task
from processors.models.training.calibration import choose_threshold, choose_thresholds, find_calibration

EVENTS = Task("event", ("crash", "alarm"), is_exclusive=False)
MOOD = Task("mood", ("bad", "good", "mixed"), is_exclusive=True)


def shape(*tasks):
    return FusionShape(modalities={"audio": 1}, tasks=tasks)


def error(probabilities, truth):
    return calibration_error(reliability_bins(truth, probabilities))


def test_probabilities_that_were_too_sure_come_true_afterwards():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 2, generator=generator)
    labels = (torch.rand(4000, 2, generator=generator) < torch.sigmoid(logits + torch.tensor([1.0, -1.0]))).float()
    told = 4 * logits
    scale, shift = find_calibration(told, labels, shape(EVENTS))
    torch.testing.assert_close(scale, torch.full((2,), 0.25), atol=0.03, rtol=0)
    torch.testing.assert_close(shift, torch.tensor([1.0, -1.0]), atol=0.15, rtol=0)
    before, after = (
        error(torch.sigmoid(values[:, 0]).numpy(), labels[:, 0].numpy() == 1) for values in (told, told * scale + shift)
    )
    assert after < 0.03
    assert before > 0.1


def test_a_task_of_one_class_in_several_gets_one_scale_and_no_shift():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3000, 3, generator=generator)
    truth = torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)[:, 0]
    labels = torch.nn.functional.one_hot(truth, 3).float()
    labels[::2] = torch.nan
    scale, shift = find_calibration(
        torch.cat([logits[:, :2], 3 * logits], dim=1),
        torch.cat([torch.full((3000, 2), torch.nan), labels], dim=1),
        shape(EVENTS, MOOD),
    )
    torch.testing.assert_close(scale[2:], torch.full((3,), 1 / 3), atol=0.03, rtol=0)
    assert shift.tolist() == [0.0] * 5
    assert scale[:2].tolist() == [1.0, 1.0]


def test_a_perfect_order_of_few_windows_does_not_become_certainty():
    logits = torch.tensor([[-1.0, 0.0], [-0.5, 0.0], [0.5, 0.0], [1.0, 0.0]])
    labels = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    scale, shift = find_calibration(logits, labels, shape(EVENTS))
    sure = torch.sigmoid(logits * scale + shift)[:, 0]
    assert 0.1 < sure.min() < 0.3
    assert 0.7 < sure.max() < 0.9
    assert (scale[1], shift[1]) == (1, 0)


@pytest.mark.parametrize(
    ("probabilities", "labels", "threshold"),
    [
        ([0.1, 0.3, 0.7, 0.9], [0, 0, 1, 1], 0.5),
        ([0.1, 0.2, 0.3, 0.9], [0, 1, 1, 1], 0.15),
        ([0.9, 0.9, 0.1, 0.1], [np.nan, 1, np.nan, 0], 0.5),
        ([0.9, 0.1], [0, np.nan], 0.5),
    ],
)
def test_a_threshold_is_the_middle_of_the_best(probabilities, labels, threshold):
    chosen = choose_threshold(np.array(probabilities, np.float32), np.array(labels, np.float32))
    assert chosen == pytest.approx(threshold, abs=0.03)


def test_thresholds_are_named_by_class_and_by_task_beside_the_events():
    tags = Task("tags", ("loud",), is_exclusive=False)
    chosen = choose_thresholds(np.full((2, 6), 0.5, np.float32), np.ones((2, 6), np.float32), shape(EVENTS, MOOD, tags))
    assert list(chosen) == ["crash", "alarm", "tags.loud"]
