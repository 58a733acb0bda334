"""What a training wrote beside its model, read again by who judges the model elsewhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from processors.errors import ModelError
from processors.models.training.plan import RecordingPlan

__all__ = ["FACTS_NAME", "FACTS_SCHEMA", "TrainingFacts", "read_facts_beside"]

FACTS_NAME: Final = "facts.json"
FACTS_SCHEMA: Final = "braid.training.facts.v1"


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What has to be known of a training.

    Attributes:
        recordings: how it cut recordings into windows.
        seen: names of the recordings that it learned from or chose by.
    """

    recordings: RecordingPlan
    seen: frozenset[str]


def read_facts_beside(weights: Path) -> TrainingFacts | None:
    """The facts in the folder of a model's file; None where there are none.

    Raises:
        ModelError: the file is not as `braid train` writes it.
    """
    path = weights.parent / FACTS_NAME
    if not path.is_file():
        return None
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} does not tell how {weights.name} was trained ({error!r}); expected {FACTS_SCHEMA}, as `braid "
            "train` writes it beside the model; mend it or take it away"
        ) from error


def _read(path: Path) -> TrainingFacts:
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["schema"] != FACTS_SCHEMA:
        raise ValueError(f"schema {facts['schema']!r}")
    seen = (name for part in ("training", "validation") for name in facts["split"][part])
    return TrainingFacts(RecordingPlan(**facts["configuration"]["recordings"]), frozenset(map(str, seen)))
