"""The kinds of fusion by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from processors.errors import ModelError
from processors.models.fusion.model import FusionModel, FusionShape
from processors.models.fusion.pooled import AttentionFusion, ConcatFusion, WeightedFusion
from processors.models.fusion.transformer import TransformerFusion

__all__ = ["FUSION_KINDS", "find_kind", "kind_of", "make_fusion"]

_RAW: Final = "raw"

FUSION_KINDS: Final[Mapping[str, type[FusionModel]]] = MappingProxyType(
    {
        "concat": ConcatFusion,
        "weighted": WeightedFusion,
        "attention": AttentionFusion,
        "transformer": TransformerFusion,
    }
)


def find_kind(name: str) -> type[FusionModel]:
    """The kind of this name.

    Raises:
        ModelError: there is none.
    """
    if name == _RAW:
        raise ModelError(
            f"the fusion {_RAW} is not how modalities meet: train one of {', '.join(FUSION_KINDS)}, with its encoders "
            "by `joint` of `braid train`, and build the repository with `models.raw`, which puts the encoders before it"
        )
    if name not in FUSION_KINDS:
        raise ModelError(f"no kind of fusion is called {name!r}; choose one of {', '.join(FUSION_KINDS)}")
    return FUSION_KINDS[name]


def kind_of(model: FusionModel) -> str:
    """The name of a model's kind."""
    return next(name for name, kind in FUSION_KINDS.items() if isinstance(model, kind))


def make_fusion(kind: str, shape: FusionShape) -> FusionModel:
    """An untrained model.

    Raises:
        ModelError: there is no such kind, or the sizes do not fit.
    """
    return find_kind(kind)(shape)
