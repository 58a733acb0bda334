"""Losses: what is not known does not count, tasks and modalities count as much as their weights say."""

import pytest
import torch

from processors.models.fusion import FusionShape, Task, make_fusion
from processors.models.training.learner import PlannedLearner, known_loss
from processors.models.training.plan import LoopPlan

SHAPE = FusionShape(
    modalities={"video": 3, "audio": 2},
    tasks=(Task("event", ("crash", "alarm"), is_exclusive=False), Task("mood", ("bad", "good"), is_exclusive=True)),
    width=8,
    dropout=0.0,
)
NAN = float("nan")


def batch(labels, audio=1.0):
    torch.manual_seed(1)
    count = len(labels)
    inputs = []
    for dim, weight in ((3, 1.0), (2, audio)):
        inputs += [torch.randn(count, 4, dim), torch.rand(count, 4), torch.full((count, 4), weight)]
    return [*inputs, torch.tensor(labels)]


def learner(own=(0.0, 0.0), tasks=(1.0, 1.0), absent=0.0):
    torch.manual_seed(0)
    return PlannedLearner(
        make_fusion("concat", SHAPE),
        LoopPlan(absent_share=absent),
        task_weights=dict(zip(("event", "mood"), tasks, strict=True)),
        own_weights=dict(zip(SHAPE.modalities, own, strict=True)),
    )


def gradients(module, examples):
    module.zero_grad()
    module.training_step(examples, 0).backward()
    return torch.cat([parameter.grad.flatten() for parameter in module.parameters() if parameter.grad is not None])


def test_what_is_not_known_does_not_train():
    half = batch([[1.0, NAN, NAN, NAN], [0.0, NAN, NAN, NAN]])
    logits = torch.randn(2, 4, requires_grad=True)
    torch.stack(known_loss(logits, half[-1], SHAPE)).sum().backward()
    assert (logits.grad[:, 0] != 0).all()
    assert (logits.grad[:, 1:] == 0).all()
    assert not gradients(learner((0.5, 0.5)), batch([[NAN] * 4] * 2)).any()


def test_the_loss_is_the_mean_over_what_is_known():
    logits = torch.tensor([[0.3, -0.2, 1.0, 2.0], [0.1, 0.4, -1.0, 0.5]])
    labels = torch.tensor([[1.0, NAN, 0.0, 1.0], [0.0, 1.0, NAN, NAN]])
    event, mood = known_loss(logits, labels, SHAPE)
    log = torch.nn.functional.logsigmoid
    torch.testing.assert_close(event, -(log(logits[0, 0]) + log(-logits[1, 0]) + log(logits[1, 1])) / 3)
    torch.testing.assert_close(mood, -torch.log_softmax(logits[0, 2:], dim=0)[1])


def test_tasks_count_as_much_as_their_weights_say():
    examples = batch([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    of = {
        weights: learner(tasks=weights).training_step(examples, 0).item() for weights in ((1, 1e-9), (1e-9, 1), (2, 3))
    }
    assert of[2, 3] == pytest.approx(2 * of[1, 1e-9] + 3 * of[1e-9, 1], rel=1e-5)


def test_a_modality_has_a_loss_of_its_own_only_where_it_is_there():
    labels = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    heard, silent = batch(labels), batch(labels, audio=0.0)
    assert learner((0.0, 0.5)).training_step(heard, 0) > learner().training_step(heard, 0)
    assert learner((0.0, 0.5)).training_step(silent, 0) == learner().training_step(silent, 0)


def test_the_loss_of_a_modality_alone_is_that_of_the_window_without_the_others():
    labels = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    both, sight = batch(labels), batch(labels, audio=0.0)
    plain = learner().training_step(both, 0)
    own = learner((0.5, 0.0)).training_step(both, 0)
    torch.testing.assert_close(own, plain + 0.5 * learner().training_step(sight, 0))
