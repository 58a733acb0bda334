"""What a repository's models are about: lengths of embeddings, classes, and from which probability each is an event.

It stands in the configuration of the fusion model that is served, where a worker reads it: another model, with other
classes, needs no other worker.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.labels import load_thresholds
from processors.models.spec import (
    CONTRIBUTION_ORDER,
    EMBEDDING_DIMS,
    EVENT_CLASSES,
    FUSION_MAX_BATCH,
    MAX_TOKENS,
    RAW_ITEMS,
    ModelSpec,
    TensorSpec,
    embedded_items,
    make_specs,
    raw_items,
)

__all__ = [
    "MAX_REQUEST_BYTES",
    "THRESHOLDS",
    "ServedFacts",
    "read_items",
    "read_parameters",
    "read_thresholds",
    "shipped_facts",
]

MAX_REQUEST_BYTES: Final = 64_000_000
"""What one request to the fusion model may hold: Triton's Python backend copies it through shared memory."""

_CLASSES: Final = "classes"
THRESHOLDS: Final = "thresholds"
"""Parameter of a fusion model's configuration."""


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """What is served.

    Attributes:
        dims: length of one item's embedding, for every modality; where the fusion model takes items raw, only known
            where a repository is built.
        classes: what the probabilities are of, in order.
        thresholds: event class -> probability from which it counts as an event. A class without one never does.
        raw: modality whose items the fusion model takes as they are decoded -> how many of a window.
        max_batch: windows that one request to the fusion model may hold.
        max_tokens: longer texts are cut; only known where a repository is built, as are the cards.
        cards: model -> what a person should know about it, where that is not what is shipped.

    Raises:
        ModelError: there is no class, one is empty, has a line break or is named twice; there is no threshold, one is
            of no class or does not lie between 0 and 1; a request that holds one window is too large.
    """

    dims: Mapping[Modality, int]
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    raw: Mapping[Modality, int] = field(default_factory=dict)
    max_batch: int = FUSION_MAX_BATCH
    max_tokens: int = field(default=MAX_TOKENS, compare=False)
    cards: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        are_lines = all(name and name.isprintable() and name == name.strip() for name in self.classes)
        if not self.classes or not are_lines or len(set(self.classes)) != len(self.classes):
            raise ModelError(
                f"the classes are {list(self.classes)}; expected at least one, each a line of text, all different"
            )
        _check_thresholds(self.thresholds, self.classes)
        if self.max_batch < 1 or self.window_bytes > MAX_REQUEST_BYTES:
            raise ModelError(
                f"the fusion model takes {self.max_batch} windows of {self.window_bytes:,} bytes in a request; "
                f"expected at least 1 (max_batch_size), of {MAX_REQUEST_BYTES:,} bytes at most: let it take fewer items"
            )

    @property
    def items(self) -> Mapping[Modality, TensorSpec]:
        """The fusion model's input that holds the items of a window, for every modality."""
        return MappingProxyType(
            {
                modality: raw_items(modality, self.raw[modality])
                if modality in self.raw
                else embedded_items(modality, self.dims[modality])
                for modality in CONTRIBUTION_ORDER
            }
        )

    @property
    def window_bytes(self) -> int:
        """What the items of one window take in a request."""
        return sum(tensor.row_bytes for tensor in self.items.values())

    @property
    def parameters(self) -> Mapping[str, str]:
        """What stands in the fusion model's configuration; `read_parameters` reads it."""
        return MappingProxyType(
            {_CLASSES: json.dumps(list(self.classes)), THRESHOLDS: json.dumps(dict(self.thresholds))}
        )

    def make_specs(self) -> Mapping[str, ModelSpec]:
        """The models of the repository."""
        fusion_batch = min(self.max_batch, MAX_REQUEST_BYTES // self.window_bytes)
        return make_specs(self.dims, self.classes, self.parameters, self.max_tokens, self.raw, fusion_batch)


def shipped_facts() -> ServedFacts:
    """Of what is shipped.

    Raises:
        ModelError: the thresholds beside the shipped weights are missing or damaged.
    """
    return ServedFacts(EMBEDDING_DIMS, EVENT_CLASSES, load_thresholds())


def read_items(inputs: Iterable[TensorSpec]) -> tuple[dict[Modality, int], dict[Modality, int]]:
    """Read from a fusion model's inputs how it takes items.

    Args:
        inputs: of the model, in any order; others than those for items may stand among them.

    Returns:
        Lengths of embeddings, by modality that it takes as embeddings; and how many items of a window, by modality that
        it takes raw. A text is never raw, and seconds of sound are told from embeddings by their length.

    Raises:
        ModelError: a modality is missing, or is taken in a way that is not known; says what was got and is expected.
    """
    by_name = {tensor.name: tensor for tensor in inputs}
    dims: dict[Modality, int] = {}
    raw: dict[Modality, int] = {}
    for modality in CONTRIBUTION_ORDER:
        tensor = by_name.get(modality.value)
        limit, *item = tensor.shape if tensor is not None and tensor.shape else (0,)
        known = RAW_ITEMS.get(modality)
        if tensor is None or limit < 1 or min(item, default=0) < 1:
            raise _unknown_items(modality, tensor)
        if known is not None and (tensor.dtype, tuple(item)) == (known.dtype, known.shape):
            raw[modality] = limit
        elif tensor.dtype == "FP32" and len(item) == 1:
            [dims[modality]] = item
        else:
            raise _unknown_items(modality, tensor)
    return dims, raw


def _unknown_items(modality: Modality, tensor: TensorSpec | None) -> ModelError:
    known = RAW_ITEMS.get(modality)
    forms = [f"{modality} FP32 [T, D] (embeddings)"]
    if known is not None:
        forms.append(f"{modality} {known.dtype} [T, {', '.join(map(str, known.shape))}] (raw {known.name})")
    return ModelError(
        f"the input for {modality} is {tensor or 'missing'}; expected {' or '.join(forms)}, T and D fixed"
    )


def read_parameters(
    parameters: Mapping[str, str],
    dims: Mapping[Modality, int],
    raw: Mapping[Modality, int] = MappingProxyType({}),
    max_batch: int = FUSION_MAX_BATCH,
) -> ServedFacts:
    """Read what stands in a fusion model's configuration.

    Args:
        parameters: of the configuration; others than ours may stand among them.
        dims: lengths of embeddings that the model takes; the others as `ServedFacts` has them.
        raw: modality whose items it takes raw -> how many.
        max_batch: windows in a request.

    Raises:
        ModelError: a parameter is missing or is not what it must be; says what was got and what is expected.
    """
    classes = _parse(parameters, _CLASSES, list, "a JSON list of classes")
    if not all(isinstance(name, str) for name in classes):
        raise ModelError(f"the parameter `{_CLASSES}` is {json.dumps(classes)}; expected a JSON list of texts")
    return ServedFacts(dims, tuple(classes), _thresholds_in(parameters), raw, max_batch)


def read_thresholds(text: str, classes: Sequence[str]) -> Mapping[str, float]:
    """Read the thresholds that a graph carries.

    Args:
        text: a JSON object of numbers by class.
        classes: that the graph answers.

    Raises:
        ModelError: it is something else, there is no threshold, or one is of no class or does not lie between 0 and 1.
    """
    thresholds = _thresholds_in({THRESHOLDS: text})
    _check_thresholds(thresholds, classes)
    return thresholds


def _thresholds_in(parameters: Mapping[str, str]) -> Mapping[str, float]:
    thresholds: dict[str, float] = _parse(parameters, THRESHOLDS, dict, "a JSON object of numbers by class")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in thresholds.values()):
        raise ModelError(f"the parameter `{THRESHOLDS}` is {json.dumps(thresholds)}; expected a number for each class")
    return thresholds


def _check_thresholds(thresholds: Mapping[str, float], classes: Sequence[str]) -> None:
    if not thresholds or not all(name in classes and 0 <= threshold <= 1 for name, threshold in thresholds.items()):
        raise ModelError(
            f"the thresholds are {dict(thresholds)}; expected at least one, each between 0 and 1, of the classes "
            f"{', '.join(classes)}"
        )


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
