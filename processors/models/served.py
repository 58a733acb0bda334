"""What a repository's models are about: lengths of embeddings, classes, and from which probability each is an event.

It stands in the configuration of the fusion model that is served, where a worker reads it: another model, with other
classes, needs no other worker.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.labels import load_thresholds
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES, ModelSpec, make_specs

__all__ = ["ServedFacts", "read_parameters", "shipped_facts"]

_CLASSES: Final = "classes"
_THRESHOLDS: Final = "thresholds"


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """What is served.

    Attributes:
        dims: length of one item's embedding, for every modality.
        classes: what the probabilities are of, in order.
        thresholds: event class -> probability from which it counts as an event. A class without one never does.

    Raises:
        ModelError: there is no class, one is empty, has a line break or is named twice; there is no threshold, one is
            of no class or does not lie between 0 and 1.
    """

    dims: Mapping[Modality, int]
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]

    def __post_init__(self) -> None:
        are_lines = all(name and name.isprintable() and name == name.strip() for name in self.classes)
        if not self.classes or not are_lines or len(set(self.classes)) != len(self.classes):
            raise ModelError(
                f"the classes are {list(self.classes)}; expected at least one, each a line of text, all different"
            )
        if not self.thresholds or not all(
            name in self.classes and 0 <= threshold <= 1 for name, threshold in self.thresholds.items()
        ):
            raise ModelError(
                f"the thresholds are {dict(self.thresholds)}; expected at least one, each between 0 and 1, of the "
                f"classes {', '.join(self.classes)}"
            )

    @property
    def parameters(self) -> Mapping[str, str]:
        """What stands in the fusion model's configuration; `read_parameters` reads it."""
        return MappingProxyType(
            {_CLASSES: json.dumps(list(self.classes)), _THRESHOLDS: json.dumps(dict(self.thresholds))}
        )

    def make_specs(self) -> Mapping[str, ModelSpec]:
        """The models of the repository."""
        return make_specs(self.dims, self.classes, self.parameters)


def shipped_facts() -> ServedFacts:
    """Of what is shipped.

    Raises:
        ModelError: the thresholds beside the shipped weights are missing or damaged.
    """
    return ServedFacts(EMBEDDING_DIMS, EVENT_CLASSES, load_thresholds())


def read_parameters(parameters: Mapping[str, str], dims: Mapping[Modality, int]) -> ServedFacts:
    """Read what stands in a fusion model's configuration.

    Args:
        parameters: of the configuration; others than ours may stand among them.
        dims: lengths of embeddings that the model takes.

    Raises:
        ModelError: a parameter is missing or is not what it must be; says what was got and what is expected.
    """
    classes = _parse(parameters, _CLASSES, list, "a JSON list of classes")
    thresholds = _parse(parameters, _THRESHOLDS, dict, "a JSON object of numbers by class")
    if not all(isinstance(name, str) for name in classes):
        raise ModelError(f"the parameter `{_CLASSES}` is {json.dumps(classes)}; expected a JSON list of texts")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in thresholds.values()):
        raise ModelError(f"the parameter `{_THRESHOLDS}` is {json.dumps(thresholds)}; expected a number for each class")
    return ServedFacts(dims, tuple(classes), thresholds)


def _parse(parameters: Mapping[str, str], name: str, kind: type[Any], said: str) -> Any:
    if name not in parameters:
        raise ModelError(f"the parameter `{name}` is missing; expected {said}")
    try:
        value = json.loads(parameters[name])
    except ValueError as error:
        raise ModelError(f"the parameter `{name}` is {parameters[name]!r}; expected {said}") from error
    if not isinstance(value, kind):
        raise ModelError(f"the parameter `{name}` is {parameters[name]!r}; expected {said}")
    return value
