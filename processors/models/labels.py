"""From which probability on an event counts as seen: the thresholds chosen in training, read without any framework."""

import json
from pathlib import Path
from typing import Final

from processors.errors import ModelError
from processors.models.spec import EVENT_CLASSES

__all__ = ["FUSION_FACTS_PATH", "load_thresholds"]

FUSION_FACTS_PATH: Final = Path(__file__).parent / "weights" / "fusion.json"


def load_thresholds(path: Path = FUSION_FACTS_PATH) -> dict[str, float]:
    """Threshold of each event class, in the order of the fusion model's outputs.

    Args:
        path: the facts that training writes beside the weights.

    Raises:
        ModelError: the file is missing or damaged, or names other classes, or a threshold is not between 0 and 1.
    """
    try:
        thresholds = json.loads(path.read_text(encoding="utf-8"))["thresholds"]
        chosen = {name: float(thresholds[name]) for name in EVENT_CLASSES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"thresholds in {path} cannot be read: {error!r}; expected a number for each of {', '.join(EVENT_CLASSES)}"
        ) from error
    wrong = {name: value for name, value in chosen.items() if not 0 < value < 1}
    if wrong:
        raise ModelError(f"thresholds in {path} must lie between 0 and 1, got {wrong}; train the fusion network again")
    return chosen
