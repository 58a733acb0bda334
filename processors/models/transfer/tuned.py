"""An encoder while it learns."""

import re
from typing import Any, Final

import torch
from peft import LoraConfig, LoraModel
from torch import nn

from processors.errors import ModelError
from processors.models.transfer.blocks import find_blocks
from processors.models.transfer.setting import Transfer

__all__ = ["TunedEncoder"]

_ADAPTER: Final = "default"
_SHOWN = 12


class TunedEncoder(nn.Module):
    """An encoder of which as much learns as a setting says; it takes and gives what the encoder does.

    What does not learn also stays in evaluation mode in training: its batch statistics do not move and it drops
    nothing. It begins in training mode. The encoder itself is changed, not a copy.

    Args:
        encoder: pretrained.
        transfer: the setting.

    Raises:
        ModelError: the encoder has fewer blocks than `last_n`, or no layer that LoRA could adapt, or none of the name.
    """

    def __init__(self, encoder: nn.Module, transfer: Transfer) -> None:
        super().__init__()
        self.encoder = encoder
        self.transfer = transfer
        # In tuples, so that their tensors are not counted twice.
        self._learning: tuple[nn.Module, ...] = ()
        self._adapters: tuple[LoraModel, ...] = ()
        encoder.requires_grad_(requires_grad=False)
        if transfer.kind == "lora":
            names = _find_targets(encoder, transfer.targets)
            self._changing = frozenset(f"{name}.weight" for name in names)
            self._add_adapters(names)
        else:
            self._learning = _find_learning(encoder, transfer)
            moved = {id(tensor) for part in self._learning for tensor in _tensors(part).values()}
            self._changing = frozenset(name for name, tensor in _tensors(encoder).items() if id(tensor) in moved)
            for part in self._learning:
                part.requires_grad_(requires_grad=True)
        self.train()

    def forward(self, *inputs: Any) -> Any:
        """What the encoder says, adapters included."""
        return self.encoder(*inputs)

    def train(self, mode: bool = True) -> "TunedEncoder":  # noqa: FBT001, FBT002 # torch's signature
        """Switch what learns to training or evaluation; the rest is in evaluation, always."""
        super().train(mode=False)
        self.training = mode
        for part in self._learning:
            part.train(mode)
        return self

    def learning_parameters(self) -> list[nn.Parameter]:
        """For the optimiser; empty when frozen."""
        return [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    def count_parameters(self) -> tuple[int, int]:
        """How many numbers learn, and how many there are, adapters included."""
        return (
            sum(parameter.numel() for parameter in self.learning_parameters()),
            sum(parameter.numel() for parameter in self.encoder.parameters()),
        )

    def merge(self) -> nn.Module:
        """Add adapters to the weights, and give the encoder back, frozen and in evaluation mode."""
        for adapters in self._adapters:
            adapters.merge_and_unload()
        self._adapters = self._learning = ()
        return self.encoder.requires_grad_(requires_grad=False).eval()

    def changed_tensors(self) -> dict[str, torch.Tensor]:
        """Name in the encoder -> tensor of all that training may have changed.

        Raises:
            ModelError: adapters have not been merged yet.
        """
        if self._adapters:
            raise ModelError("the encoder's weights do not hold what its adapters learned yet; merge them first")
        return {name: tensor for name, tensor in self.encoder.state_dict().items() if name in self._changing}

    def _add_adapters(self, names: list[str]) -> None:
        for name in names:
            _make_plain(self.encoder, name)
        config = LoraConfig(
            r=self.transfer.rank,
            lora_alpha=self.transfer.alpha,
            lora_dropout=self.transfer.dropout,
            target_modules="|".join(map(re.escape, names)),
            bias="none",
        )
        self._adapters = (LoraModel(self.encoder, {_ADAPTER: config}, _ADAPTER),)
        self._learning = tuple(
            part for name, part in self.encoder.named_modules() if name.endswith(f"lora_dropout.{_ADAPTER}")
        )


def _find_learning(encoder: nn.Module, transfer: Transfer) -> tuple[nn.Module, ...]:
    if transfer.kind == "frozen":
        return ()
    if transfer.kind == "full":
        return (encoder,)
    blocks = find_blocks(encoder)
    if transfer.last_n > len(blocks):
        raise ModelError(
            f"the last {transfer.last_n} blocks of {type(encoder).__name__} cannot learn: it has {len(blocks)}; "
            "expected no more than that, or `full`"
        )
    return tuple(part for block in blocks[-transfer.last_n :] for part in block)


def _find_targets(encoder: nn.Module, wanted: tuple[str, ...]) -> list[str]:
    fitting = [name for name, part in encoder.named_modules() if name and _is_adaptable(part)]
    if not wanted:
        if not fitting:
            raise ModelError(f"{type(encoder).__name__} has no linear layer and no convolution that LoRA could adapt")
        return fitting
    chosen = []
    for end in wanted:
        found = [name for name in fitting if name == end or name.endswith(f".{end}")]
        if not found:
            raise ModelError(
                f"no layer of {type(encoder).__name__} that LoRA could adapt is called {end!r}; it has "
                f"{', '.join(fitting[:_SHOWN])}{', …' if len(fitting) > _SHOWN else ''}"
            )
        chosen += found
    return list(dict.fromkeys(chosen))


def _is_adaptable(part: nn.Module) -> bool:
    if isinstance(part, nn.Conv2d):
        is_pointwise = part.kernel_size == (1, 1) and tuple(part.stride) == (1, 1)
        return part.groups == 1 and (type(part) is nn.Conv2d or is_pointwise)
    return isinstance(part, nn.Linear)


def _make_plain(encoder: nn.Module, name: str) -> None:
    """Put a plain convolution in the place of one that can pad by itself but, being pointwise, has nothing to pad.

    Adapters are made of the class of the layer beside which they stand, and such a class wants to know more.
    """
    layer = encoder.get_submodule(name)
    if not isinstance(layer, nn.Conv2d) or type(layer) is nn.Conv2d:
        return
    plain = nn.Conv2d(layer.in_channels, layer.out_channels, 1, bias=layer.bias is not None)
    plain.weight, plain.bias = layer.weight, layer.bias
    parent, _, own = name.rpartition(".")
    encoder.get_submodule(parent).register_module(own, plain)


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers themselves."""
    return module.state_dict(keep_vars=True)
