"""Self-supervision: a fusion model learns from windows that nobody has labelled, before any label is used.

Two tasks at once. Contrastive: a window seen through one modality is to be told from other windows seen through another
(`contrastive`). Masked: items are hidden, and what is left of the window is to say what they were (`masking`). The
result, a file as `save_trained` writes it, begins a training with labels (`fusion.initialise_from`).
"""

from processors.models.self_supervision.pretraining import Pretrained, pretrain
from processors.models.self_supervision.run import LeftBehind, RecordingsToCut, pretrain_into
from processors.models.self_supervision.settings import PretrainingSettings

__all__ = ["LeftBehind", "Pretrained", "PretrainingSettings", "RecordingsToCut", "pretrain", "pretrain_into"]
