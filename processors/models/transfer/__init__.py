"""Transfer: how much of a pretrained encoder learns from new data, by one setting.

`frozen`, `last_n`, `full` or `lora`; see `Transfer`. `TunedEncoder` applies it to any encoder and gives the plain
encoder back: what is exported and served carries no adapters.
"""

from processors.models.transfer.blocks import find_blocks
from processors.models.transfer.files import load_tuned, save_tuned
from processors.models.transfer.head import EventHead
from processors.models.transfer.setting import KINDS, Transfer, TransferKind
from processors.models.transfer.tuned import TunedEncoder

__all__ = ["KINDS", "EventHead", "Transfer", "TransferKind", "TunedEncoder", "find_blocks", "load_tuned", "save_tuned"]
