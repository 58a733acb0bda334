"""A pruned model that learns from the whole one comes closer to it."""

import copy

import pytest
import torch

from processors.models.compression.distillation import distil
from processors.models.compression.pruning import prune, rank_units
from processors.models.fusion import FusionShape, Task, make_fusion

SHAPE = FusionShape(
    modalities={"video": 6, "audio": 5},
    tasks=(Task("event", ("crash", "alarm"), is_exclusive=False), Task("mood", ("bad", "good"), is_exclusive=True)),
    width=16,
)


def windows(seed, count=128):
    generator = torch.Generator().manual_seed(seed)
    made = []
    for dim in SHAPE.modalities.values():
        made += [torch.randn(count, 2, dim, generator=generator), torch.rand(count, 2, generator=generator)]
        made.append(torch.ones(count, 2))
    return tuple(made)


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    model = make_fusion("concat", SHAPE).eval()
    with torch.no_grad():
        model.head.weight.mul_(4.0)
    return model


def distance(one, other):
    inputs = windows(9)
    with torch.inference_mode():
        return float((one(*inputs).probabilities - other(*inputs).probabilities).abs().mean())


def test_the_smaller_model_comes_closer_on_windows_that_neither_saw(teacher):
    student = prune(teacher, rank_units(teacher, windows(1)), 0.75)
    before = distance(teacher, student)
    told = []
    distil(teacher, student, windows(1), epochs=8, told=told.append)
    assert distance(teacher, student) < 0.8 * before
    assert told == list(range(1, 9))


def test_the_same_seed_gives_the_same_model_and_leaves_the_teacher(teacher):
    untouched = copy.deepcopy(teacher.state_dict())
    worth = rank_units(teacher, windows(1))
    students = [prune(teacher, worth, 0.5) for _ in range(2)]
    for student in students:
        distil(teacher, student, windows(1), epochs=1, seed=4)
    for one, other in zip(*(student.parameters() for student in students), strict=True):
        assert torch.equal(one, other)
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, untouched[name])
