"""The laws of fusion by prompts: what texts say of a window, and what a missing modality changes."""

import pytest
import torch

from processors.errors import ModelError
from processors.models.fusion.prompts import PromptFusion, Prompts

DIMS = {"video": 16, "audio": 8, "transcript": 6}
ITEMS = {"video": 5, "audio": 4, "transcript": 3}
SMOKE, GLASS = 0, 1


def axes(*numbers: int, dim: int) -> torch.Tensor:
    return torch.eye(dim)[list(numbers)]


def make_fusion(shift: float | None = None) -> PromptFusion:
    """Frames are compared with axes 0 (smoke) and 1 (glass), sounds alike; everything is a bit like axis 2."""
    return PromptFusion(
        DIMS,
        {
            "video": Prompts(axes(0, 1, dim=16), axes(2, 3, dim=16), 20.0, shift),
            "audio": Prompts(axes(0, 1, dim=8), axes(2, dim=8), 20.0, shift),
        },
    )


def make_window(seed: int = 1, batch: int = 2) -> list[torch.Tensor]:
    """Items of unit length, the last of each modality being padding."""
    random = torch.Generator().manual_seed(seed)
    inputs = []
    for name, dim in DIMS.items():
        items = torch.nn.functional.normalize(torch.randn(batch, ITEMS[name], dim, generator=random), dim=2)
        weight = torch.rand(batch, ITEMS[name], generator=random) * 0.5 + 0.5
        weight[:, -1] = 0.0
        inputs += [items, torch.arange(ITEMS[name]).expand(batch, -1).float(), weight]
    return inputs


def show(inputs: list[torch.Tensor], axis: int, items: slice = slice(None)) -> None:
    """Lets frames show one thing, and be a bit like anything, as pictures are."""
    inputs[0][:, items] = torch.nn.functional.normalize(torch.eye(16)[axis] + 0.4 * torch.eye(16)[2], dim=0)


def without(inputs: list[torch.Tensor], row: int) -> list[torch.Tensor]:
    return [torch.zeros_like(each) if index == 3 * row + 2 else each for index, each in enumerate(inputs)]


@pytest.mark.parametrize("shift", [None, -10.0])
def test_what_the_frames_show_is_told_and_nothing_else(shift: float | None) -> None:
    inputs = without(make_window(), 1)
    show(inputs, SMOKE)

    answer = make_fusion(shift)(*inputs)

    assert (answer.probabilities[:, SMOKE] > 0.85).all()
    assert (answer.probabilities[:, GLASS] < 0.01).all()


def test_what_is_more_like_the_background_is_no_event() -> None:
    inputs = without(make_window(), 1)
    show(inputs, 2)

    assert (make_fusion()(*inputs).probabilities < 0.01).all()


def test_a_class_that_is_judged_by_itself_does_not_look_at_the_background() -> None:
    inputs = without(make_window(), 1)
    inputs[0][:] = torch.nn.functional.normalize(torch.eye(16)[SMOKE] + torch.eye(16)[2], dim=0)

    assert (make_fusion(-7.0)(*inputs).probabilities[:, SMOKE] > 0.9).all()
    assert (make_fusion()(*inputs).probabilities[:, SMOKE] < 0.6).all()


def test_a_short_event_counts_more_than_its_share_of_the_window() -> None:
    inputs = without(make_window(), 1)
    inputs[2][:, :4] = 1.0
    show(inputs, 2)
    show(inputs, SMOKE, slice(1, 2))

    probability = make_fusion()(*inputs).probabilities[:, SMOKE]

    assert (probability > 0.45).all()
    assert (probability < 0.6).all()


def test_an_item_that_hardly_overlaps_the_window_hardly_counts() -> None:
    inputs = without(make_window(), 1)
    show(inputs, 2)
    show(inputs, SMOKE, slice(1, 2))
    inputs[2][:, 1] = 0.05

    assert (make_fusion()(*inputs).probabilities[:, SMOKE] < 0.1).all()


def test_padding_and_the_order_and_times_of_items_say_nothing() -> None:
    fusion, inputs = make_fusion(), make_window()
    expected = fusion(*inputs)
    changed = [each.clone() for each in inputs]
    for row in range(3):
        changed[3 * row][:, -1] = 7.0
        changed[3 * row] = changed[3 * row].flip(1)
        changed[3 * row + 1] = torch.rand_like(changed[3 * row + 1])
        changed[3 * row + 2] = changed[3 * row + 2].flip(1)

    for got, wanted in zip(fusion(*changed), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_contribution_is_what_leaving_the_modality_out_changes(row: int) -> None:
    fusion, inputs = make_fusion(), make_window()
    answer = fusion(*inputs)
    left_out = fusion(*without(inputs, row))

    torch.testing.assert_close(answer.contributions[:, row], answer.probabilities - left_out.probabilities)
    assert (left_out.contributions[:, row] == 0).all()


def test_a_modality_without_prompts_contributes_nothing_but_is_part_of_the_embedding() -> None:
    fusion, inputs = make_fusion(), make_window()
    answer, left_out = fusion(*inputs), fusion(*without(inputs, 2))

    assert (answer.contributions[:, 2] == 0).all()
    assert not torch.allclose(answer.embedding, left_out.embedding, atol=1e-3)


def test_a_window_with_nothing_in_it_has_no_event_and_finite_answers() -> None:
    answer = make_fusion(5.0)(*[torch.zeros_like(each) for each in make_window()])

    assert all(torch.isfinite(each).all() for each in answer)
    assert (answer.probabilities == 0).all()


def test_windows_of_a_batch_are_judged_apart() -> None:
    fusion, inputs = make_fusion(), make_window(batch=3)

    alone = [fusion(*[each[row : row + 1] for each in inputs]).probabilities for row in range(3)]

    torch.testing.assert_close(fusion(*inputs).probabilities, torch.cat(alone))


def test_embeddings_have_length_one_and_are_near_where_windows_are() -> None:
    fusion, first, other = make_fusion(), make_window(1), make_window(2)
    near = [each + 0.01 * torch.randn_like(each) if each.dim() == 3 else each for each in first]
    one, close, far = (fusion(*window).embedding for window in (first, near, other))

    assert one.shape == (2, 128)
    torch.testing.assert_close(one.norm(dim=1), torch.ones(2))
    assert ((one * close).sum(dim=1) > (one * far).sum(dim=1) + 0.3).all()


@pytest.mark.parametrize(
    "prompts",
    [
        {},
        {"video": Prompts(axes(0, dim=8), axes(1, dim=8), 1.0)},
        {"smell": Prompts(axes(0, dim=8), axes(1, dim=8), 1.0)},
        {"audio": Prompts(axes(0, dim=8), axes(dim=8), 1.0)},
        {
            "video": Prompts(axes(0, 1, dim=16), axes(2, dim=16), 1.0),
            "audio": Prompts(axes(0, dim=8), axes(2, dim=8), 1.0),
        },
    ],
    ids=["none", "length", "modality", "background", "classes"],
)
def test_prompts_that_do_not_fit_are_refused(prompts: dict[str, Prompts]) -> None:
    with pytest.raises(ModelError, match="prompts"):
        PromptFusion(DIMS, prompts)
