"""The setting."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from processors.errors import ModelError

__all__ = ["KINDS", "Transfer", "TransferKind"]

TransferKind = Literal["frozen", "last_n", "full", "lora"]

KINDS: Final[tuple[TransferKind, ...]] = get_args(TransferKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """How much of a pretrained encoder learns.

    Attributes:
        kind: `frozen`, nothing; `last_n`, its last blocks; `full`, everything; `lora`, a product of two thin matrices
            beside each of its layers (Hu et al. 2022, "LoRA"), added to the layer's weights in the end.
        last_n: how many blocks learn; for `last_n`.
        rank: thickness of the matrices; for `lora`, as all that follows.
        alpha: weight of the product, times the rank.
        dropout: share of their inputs that training zeroes.
        targets: names of the layers, or ends of names, such as `query`; every linear layer and every convolution that
            is neither grouped nor pads by itself where none is given.

    Raises:
        ModelError: the kind is unknown or a number is out of bounds.
    """

    kind: TransferKind
    last_n: int = 2
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"no transfer is called {self.kind!r}; choose one of {', '.join(KINDS)}")
        if self.last_n < 1 or self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ModelError(
                f"transfer with last_n {self.last_n}, rank {self.rank}, alpha {self.alpha}, dropout {self.dropout}; "
                "expected last_n and rank at least 1, alpha above 0, dropout from 0 to below 1"
            )
