"""Fusion: the items of one window, from whichever modalities are there, to an answer.

`FusionNetwork` is what Triton serves where nothing else is chosen, with weights of its own. `make_fusion` makes one of
several kinds of any size for any tasks; an `Ensemble` of them behaves like one, in its file and where it is served,
`ServedFusion` puts one behind what Triton takes and gives, and `RawFusion` puts encoders before one, so that it takes
frames and sound as they are.
"""

from processors.models.fusion.ensemble import Ensemble
from processors.models.fusion.files import ENSEMBLE_KIND, TrainedFusion, load_trained, save_trained
from processors.models.fusion.initialise import Initialisation, initialise_from
from processors.models.fusion.kinds import FUSION_KINDS, make_fusion
from processors.models.fusion.model import FusionAnswer, FusionModel, FusionShape, Task
from processors.models.fusion.network import FUSION_WEIGHTS_PATH, FusionNetwork, load_fusion
from processors.models.fusion.prompts import PromptFusion, Prompts
from processors.models.fusion.raw import RawFusion
from processors.models.fusion.served import EVENT_TASK, ServedFusion, facts_of

__all__ = [
    "ENSEMBLE_KIND",
    "EVENT_TASK",
    "FUSION_KINDS",
    "FUSION_WEIGHTS_PATH",
    "Ensemble",
    "FusionAnswer",
    "FusionModel",
    "FusionNetwork",
    "FusionShape",
    "Initialisation",
    "PromptFusion",
    "Prompts",
    "RawFusion",
    "ServedFusion",
    "Task",
    "TrainedFusion",
    "facts_of",
    "initialise_from",
    "load_fusion",
    "load_trained",
    "make_fusion",
    "save_trained",
]
