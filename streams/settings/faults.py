"""What a fault of a document says: where it stands, which key, what was got, what was expected, what was meant."""

import difflib
import os
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from streams.settings.document import Document, KeyPath

__all__ = ["PREFIX", "describe_fault", "nearest"]

PREFIX = "BRAID_"
"""How the names of environment variables begin that are settings."""


def describe_fault(
    fault: Mapping[str, Any],
    document: Document,
    tree: type[BaseModel],
    *,
    has_environment: bool = False,
    secrets: frozenset[KeyPath] = frozenset(),
) -> str:
    """One fault that pydantic found, in one line.

    Args:
        fault: as `ValidationError.errors` lists it.
        document: that may hold the key.
        tree: what was to be made of it.
        has_environment: whether environment variables can be at fault, too.
        secrets: keys whose values are not shown.
    """
    path = tuple(str(part) for part in fault["loc"] if not str(part).startswith("["))
    variable = PREFIX + "__".join(path).upper()
    is_variable = has_environment and path and any(name.upper().startswith(variable) for name in os.environ)
    place = f"environment {variable}" if is_variable else document.place(path)
    where = f"{place}: " if place else ""
    key = ".".join(path) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{where}{key}: no such setting{nearest(path[-1], _siblings(path, tree))}; correct or remove it"
    is_shown = not isinstance(fault["input"], Mapping | BaseModel) and path[:2] not in secrets
    value = f"got {fault['input']!r}; " if is_shown else ""
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}{key}: {value}{message[:1].lower()}{message[1:]}"


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """A question after the known name that is most like this one; nothing if none is."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _siblings(path: KeyPath, tree: type[BaseModel]) -> list[str]:
    """The keys that may stand where a path ends."""
    found: Any = tree
    for part in path[:-1]:
        if isinstance(found, type) and issubclass(found, BaseModel):
            found = found.model_fields[part].annotation if part in found.model_fields else None
        else:
            found = _section_in(found)
    return list(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else []


def _section_in(annotation: Any) -> Any:
    """The section of which a mapping or a list has several; None if it is of something else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)
