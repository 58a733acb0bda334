import itertools

import pytest
import torch

from processors.models.fusion import FusionNetwork
from processors.models.spec import CONTRIBUTION_ORDER, EVENT_CLASSES, FUSION

BATCH = 3


@pytest.fixture(scope="module")
def network() -> FusionNetwork:
    torch.manual_seed(0)
    network = FusionNetwork()
    # Missing tokens start at zero: give them values, as training does.
    for pool in network.pools:
        torch.nn.init.normal_(pool.missing)
    return network.eval()


@pytest.fixture
def inputs() -> list[torch.Tensor]:
    """Full windows: every item of every modality is there."""
    generator = torch.Generator().manual_seed(1)
    tensors = []
    for tensor in FUSION.inputs:
        values = torch.rand((BATCH, *tensor.shape), generator=generator)
        if tensor.name.endswith("_time"):
            values = 4 * values
        elif tensor.name.endswith("_weight"):
            values = 0.2 + 0.8 * values
        else:
            values = values / 20
        tensors.append(values)
    return tensors


def leave_out(inputs: list[torch.Tensor], *rows: int) -> list[torch.Tensor]:
    """The same windows without any item of the modalities in `rows`."""
    return [torch.zeros_like(tensor) if position // 3 in rows else tensor for position, tensor in enumerate(inputs)]


def run(network: FusionNetwork, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    with torch.inference_mode():
        return network(*inputs)


def test_outputs_have_the_shapes_of_the_spec(network: FusionNetwork, inputs: list[torch.Tensor]):
    answer = run(network, inputs)
    assert [tuple(tensor.shape) for tensor in answer] == [(BATCH, *tensor.shape) for tensor in FUSION.outputs]
    assert all(tensor.dtype == torch.float32 for tensor in answer)


def test_probabilities_are_probabilities_and_the_embedding_has_length_one(
    network: FusionNetwork, inputs: list[torch.Tensor]
):
    probabilities, _, embedding = run(network, inputs)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(BATCH))


@pytest.mark.parametrize("row", range(3))
def test_a_contribution_is_what_really_leaving_out_changes(
    network: FusionNetwork, inputs: list[torch.Tensor], row: int
):
    everything, contributions, _ = run(network, inputs)
    without, _, _ = run(network, leave_out(inputs, row))
    torch.testing.assert_close(contributions[:, row], everything - without, atol=1e-6, rtol=0)
    assert contributions[:, row].abs().max() > 1e-4


@pytest.mark.parametrize("rows", [rows for count in (1, 2, 3) for rows in itertools.combinations(range(3), count)])
def test_an_absent_modality_contributes_exactly_nothing(
    network: FusionNetwork, inputs: list[torch.Tensor], rows: tuple[int, ...]
):
    _, contributions, _ = run(network, leave_out(inputs, *rows))
    assert (contributions[:, list(rows)] == 0).all()
    present = [row for row in range(len(CONTRIBUTION_ORDER)) if row not in rows]
    assert not present or contributions[:, present].abs().max() > 0


def test_a_window_with_nothing_in_it_has_finite_answers(network: FusionNetwork, inputs: list[torch.Tensor]):
    for tensor in run(network, leave_out(inputs, 0, 1, 2)):
        assert torch.isfinite(tensor).all()


def test_what_stands_in_padding_does_not_matter(network: FusionNetwork, inputs: list[torch.Tensor]):
    for weights in inputs[2::3]:
        weights[:, 5:] = 0
    zeroed = [tensor.clone() for tensor in inputs]
    for tensor in zeroed:
        tensor[:, 5:] = 0
    for got, expected in zip(run(network, inputs), run(network, zeroed), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


def test_fewer_padding_rows_change_nothing(network: FusionNetwork, inputs: list[torch.Tensor]):
    for weights in inputs[2::3]:
        weights[:, 5:] = 0
    cut = [tensor[:, :5] for tensor in inputs]
    for got, expected in zip(run(network, cut), run(network, inputs), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


def test_the_order_of_items_does_not_matter(network: FusionNetwork, inputs: list[torch.Tensor]):
    shuffled = []
    for first in (0, 3, 6):
        order = torch.randperm(inputs[first].shape[1], generator=torch.Generator().manual_seed(first))
        shuffled.extend(tensor[:, order] for tensor in inputs[first : first + 3])
    for got, expected in zip(run(network, shuffled), run(network, inputs), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_the_times_of_items_matter(network: FusionNetwork, inputs: list[torch.Tensor]):
    backwards = [4 - tensor if position % 3 == 1 else tensor for position, tensor in enumerate(inputs)]
    assert (run(network, backwards)[0] - run(network, inputs)[0]).abs().max() > 1e-5


def test_a_window_is_judged_by_itself_whatever_else_is_in_the_batch(network: FusionNetwork, inputs: list[torch.Tensor]):
    alone = run(network, [tensor[1:2] for tensor in inputs])
    for got, expected in zip(alone, run(network, inputs), strict=True):
        torch.testing.assert_close(got[0], expected[1], atol=1e-6, rtol=1e-5)


def test_an_untrained_network_expects_events_to_be_rare(inputs: list[torch.Tensor]):
    torch.manual_seed(5)
    probabilities, _, _ = run(FusionNetwork().eval(), inputs)
    assert probabilities.shape[1] == len(EVENT_CLASSES)
    assert probabilities.mean() < 0.2
