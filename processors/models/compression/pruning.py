"""Structured pruning of a fusion model: hidden units are really taken out, so that every runtime computes less.

What a unit is worth is the mean squared slope of the model's own log likelihood along it (Fisher information; Theis et
al., "Faster gaze prediction with dense networks and Fisher pruning", 2018). It needs windows and no labels.

Units are taken from layers inside the model alone: the projections of the pooled kinds, the feed-forward layers and the
heads' dimensions of attention. Inputs, outputs and the embedding keep their sizes, so a pruned model is another version
of the same model.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.fusion._attention import HEADS, AttentionBlock
from processors.models.fusion._pooling import TokenPools
from processors.models.fusion.model import FusionModel, find_present

__all__ = ["HiddenLayer", "find_hidden", "prune", "rank_units", "without_units"]

_BATCH: Final = 64

Inputs = tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HiddenLayer:
    """Units inside a model that can be taken out.

    Attributes:
        name: where they are.
        output: the module among whose outputs they are, in the last dimension.
        first: the place of the first of them there.
        count: how many there are.
        groups: parts of equal size, one after the other, that must lose as many units each.
        keep: takes out all units but those whose numbers it is given, in order.
    """

    name: str
    output: nn.Module
    first: int
    count: int
    groups: int
    keep: Callable[[torch.Tensor], None]


def find_hidden(model: FusionModel) -> list[HiddenLayer]:
    """The layers that `prune` thins out."""
    layers = []
    for name, module in model.named_modules():
        if isinstance(module, TokenPools):
            layers += [_projection(model, row, blend) for row, blend in enumerate(module.blends)]
        elif isinstance(module, AttentionBlock):
            layers += _attention(name, module)
    return layers


def rank_units(model: FusionModel, inputs: Inputs, *, seed: int = 0) -> list[torch.Tensor]:
    """What each unit of each hidden layer is worth.

    Args:
        model: in evaluation mode.
        inputs: windows of the kind that the model will see.
        seed: of the answers that are drawn from the model's own probabilities.

    Returns:
        Float32 [units] per layer, in the order of `find_hidden`; 0 where taking the unit out changes nothing.
    """
    layers = find_hidden(model)
    worth = [torch.zeros(layer.count) for layer in layers]
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(inputs[0]), _BATCH):
        batch = tuple(tensor[start : start + _BATCH] for tensor in inputs)
        gates = [torch.ones(len(batch[0]), layer.count, requires_grad=True) for layer in layers]
        with _gated(layers, gates):
            logits, _ = model.judge(batch, find_present(batch, model.shape) * model.known)
        slopes = torch.autograd.grad(_surprise(model, logits, generator), gates)
        for total, slope in zip(worth, slopes, strict=True):
            total.add_(slope.square().sum(dim=0))
    return [total / len(inputs[0]) for total in worth]


def prune(model: FusionModel, worth: Sequence[torch.Tensor], share: float) -> FusionModel:
    """A smaller copy of a model.

    Args:
        model: it stays as it is.
        worth: of each unit, as `rank_units` tells.
        share: of each hidden layer's units that are taken out, those of least worth; at least one stays.

    Returns:
        A model of the same kind with fewer parameters, in evaluation mode; `save_trained` does not know its sizes.

    Raises:
        ModelError: the share does not lie between 0 and 1, or nothing can be taken out of a model of this kind.
    """
    if not 0 < share < 1:
        raise ModelError(f"a share of {share} of the hidden units is to be pruned; expected more than 0, less than 1")
    smaller = copy.deepcopy(model).eval()
    layers = find_hidden(smaller)
    if not layers:
        raise ModelError(f"{type(model).__name__} has no hidden layer that can be pruned")
    for layer, values in zip(layers, worth, strict=True):
        layer.keep(_best(values, layer.groups, share))
    return smaller


@contextmanager
def without_units(model: FusionModel, worth: Sequence[torch.Tensor], share: float) -> Iterator[None]:
    """Within it the units that `prune` would take out say nothing: the model answers as its smaller copy."""
    layers = find_hidden(model)
    gates = []
    for layer, values in zip(layers, worth, strict=True):
        gate = torch.zeros(1, layer.count)
        gate[0, _best(values, layer.groups, share)] = 1.0
        gates.append(gate)
    with _gated(layers, gates):
        yield


def _best(values: torch.Tensor, groups: int, share: float) -> torch.Tensor:
    """Numbers of the units that stay, in order."""
    size = len(values) // groups
    kept = max(1, round((1.0 - share) * size))
    best = values.reshape(groups, size).topk(kept, dim=1).indices.sort(dim=1).values
    return (best + size * torch.arange(groups)[:, None]).flatten()


def _surprise(model: FusionModel, logits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Minus the log likelihood of answers drawn from the model's own probabilities, summed over the windows."""
    total = logits.new_zeros(())
    for task in model.shape.tasks:
        own = logits[:, model.shape.span(task.name)]
        if task.is_exclusive:
            drawn = torch.multinomial(own.detach().softmax(dim=1), 1, generator=generator).squeeze(1)
            total = total + nn.functional.cross_entropy(own, drawn, reduction="sum")
        else:
            answers = torch.bernoulli(own.detach().sigmoid(), generator=generator)
            total = total + nn.functional.binary_cross_entropy_with_logits(own, answers, reduction="sum")
    return total


@contextmanager
def _gated(layers: Sequence[HiddenLayer], gates: Sequence[torch.Tensor]) -> Iterator[None]:
    """Within it each unit is multiplied by its gate, float32 [B or 1, units]."""
    by_module: dict[nn.Module, list[tuple[int, torch.Tensor]]] = {}
    for layer, gate in zip(layers, gates, strict=True):
        by_module.setdefault(layer.output, []).append((layer.first, gate))
    with ExitStack() as hooks:
        for module, own in by_module.items():
            hooks.callback(module.register_forward_hook(_hook(own)).remove)
        yield


def _hook(own: Sequence[tuple[int, torch.Tensor]]) -> Callable[[nn.Module, Any, torch.Tensor], torch.Tensor]:
    def multiply(module: nn.Module, inputs: Any, values: torch.Tensor) -> torch.Tensor:
        del module, inputs
        for first, gate in own:
            factors = nn.functional.pad(gate, (first, values.shape[-1] - first - gate.shape[1]), value=1.0)
            values = values * factors.reshape(len(gate), *(1,) * (values.ndim - 2), -1)
        return values

    return multiply


def _projection(model: FusionModel, row: int, blend: nn.Module) -> HiddenLayer:
    """A modality's projection; `blend` takes each unit twice: of the newest item and of the past."""
    layers = model.projections[row].get_submodule("layers")
    linear = _linear(layers, "1")
    taker = _as_linear(blend)

    def keep(units: torch.Tensor) -> None:
        width = linear.out_features
        _keep_rows(linear, units)
        _keep_columns(taker, torch.cat([units, width + units]))

    return HiddenLayer(f"projections.{row}", layers.get_submodule("2"), 0, linear.out_features, 1, keep)


def _attention(name: str, block: AttentionBlock) -> list[HiddenLayer]:
    inner = _linear(block.think, "1")
    width = block.query.out_features

    def keep_inner(units: torch.Tensor) -> None:
        _keep_rows(inner, units)
        _keep_columns(_linear(block.think, "4"), units)

    def keep_queries(units: torch.Tensor) -> None:
        # Attention divides by the root of a head's size: what it will divide by less is made smaller here.
        scale = math.sqrt(len(units) / block.query.out_features)
        keys = torch.cat([units, torch.arange(width, block.key_value.out_features)])
        _keep_rows(block.query, units)
        _keep_rows(block.key_value, keys)
        with torch.no_grad():
            block.query.weight.mul_(scale)
            block.query.bias.mul_(scale)

    def keep_values(units: torch.Tensor) -> None:
        # The keys, which stand before the values, are thinned out by now.
        keys = block.key_value.out_features - width
        _keep_rows(block.key_value, torch.cat([torch.arange(keys), keys + units]))
        _keep_columns(block.out, units)

    return [
        HiddenLayer(f"{name}.think", block.think.get_submodule("2"), 0, inner.out_features, 1, keep_inner),
        HiddenLayer(f"{name}.query", block.query, 0, width, HEADS, keep_queries),
        HiddenLayer(f"{name}.value", block.key_value, width, width, HEADS, keep_values),
    ]


def _linear(parent: nn.Module, name: str) -> nn.Linear:
    return _as_linear(parent.get_submodule(name))


def _as_linear(module: nn.Module) -> nn.Linear:
    if not isinstance(module, nn.Linear):
        raise TypeError(f"{type(module).__name__} is no linear layer")
    return module


def _keep_rows(linear: nn.Linear, rows: torch.Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[rows].clone())
    linear.bias = nn.Parameter(linear.bias.detach()[rows].clone())
    linear.out_features = len(rows)


def _keep_columns(linear: nn.Linear, columns: torch.Tensor) -> None:
    linear.weight = nn.Parameter(linear.weight.detach()[:, columns].clone())
    linear.in_features = len(columns)
