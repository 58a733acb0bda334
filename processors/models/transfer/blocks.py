"""The blocks of an encoder, in the order in which it computes them."""

from torch import nn

__all__ = ["find_blocks"]


def find_blocks(encoder: nn.Module) -> list[tuple[nn.Module, ...]]:
    """What `last_n` counts, first to last.

    A block is a layer of a stack (a list of layers that have parts of their own, such as the layers of a transformer
    or the stages of an EfficientNet), together with what stands between it and the next. What stands before all stacks,
    such as a stem or word embeddings, is a block of its own. An encoder without a stack has its parts for blocks.

    Args:
        encoder: registers its parts in the order in which it computes them.

    Returns:
        The modules of each block; parameters that belong to no part, such as a class token, are in none.
    """
    blocks: list[list[nn.Module]] = []
    if not _has_stack(encoder):
        parts = [child for child in encoder.children() if _learns(child)]
        return [(part,) for part in parts] or [(encoder,)]
    _collect(encoder, blocks)
    return [tuple(block) for block in blocks]


def _collect(module: nn.Module, blocks: list[list[nn.Module]]) -> None:
    for child in module.children():
        if not _learns(child):
            continue
        if _has_stack(child):
            _collect(child, blocks)
        elif _is_stack(module) or not blocks:
            blocks.append([child])
        else:
            blocks[-1].append(child)


def _has_stack(module: nn.Module) -> bool:
    return any(_is_stack(part) for part in module.modules())


def _is_stack(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList | nn.Sequential) and any(
        any(_learns(part) for part in layer.children()) for layer in module
    )


def _learns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())
