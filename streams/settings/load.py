"""Build the settings out of file, environment and command line, and report every fault at once."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from streams.errors import ConfigurationError
from streams.settings.document import Document, in_force, read_document
from streams.settings.tree import ModalitySettings, Settings, WindowSettings

__all__ = ["CONFIG_VARIABLE", "load_settings"]

CONFIG_VARIABLE = "BRAID_CONFIG"
_PREFIX = "BRAID_"
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "BRAID_DATA", "BRAID_SITE_PACKAGES", "BRAID_TRITON_THREADS"})
_PER_SOURCE: Mapping[str, type[BaseModel]] = {"windows": WindowSettings, "modalities": ModalitySettings}


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings in force.

    Args:
        config: YAML file; None reads the file that `BRAID_CONFIG` names, if any.
        overrides: nested values that outrank environment and file, as a command line gives them.

    Raises:
        ConfigurationError: naming every fault with its place, value, what was expected and the mend.
    """
    if config is None and (named := os.environ.get(CONFIG_VARIABLE)):
        config = Path(named)
    document = read_document(config) if config else Document()
    faults = [*_unknown_variables(), *_unknown_source_keys(document)]
    settings = None
    with in_force(document):
        try:
            settings = Settings(**(overrides or {}))
        except ValidationError as error:
            faults += [_describe(fault, document) for fault in error.errors(include_url=False)]
    if faults or settings is None:
        raise ConfigurationError("\n".join(faults), code="configuration.invalid")
    return settings


def _unknown_variables() -> Iterator[str]:
    known = {name.upper() for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(_PREFIX) and variable not in _OTHER_VARIABLES:
            section = variable.removeprefix(_PREFIX).split("__")[0]
            if section not in known:
                yield f"environment {variable}: no such setting{_nearest(section, known, _PREFIX)}; unset it"


def _unknown_source_keys(document: Document) -> Iterator[str]:
    sources = document.values.get("sources")
    for source_id, own in sources.items() if isinstance(sources, Mapping) else ():
        for section, model in _PER_SOURCE.items():
            values = own.get(section) if isinstance(own, Mapping) else None
            for key in values if isinstance(values, Mapping) else ():
                if key not in model.model_fields:
                    path = ("sources", str(source_id), section, str(key))
                    yield f"{document.place(path)}: {'.'.join(path)}: no such setting" + _nearest(
                        str(key), model.model_fields
                    )


def _describe(fault: Mapping[str, Any], document: Document) -> str:
    path = tuple(str(part) for part in fault["loc"] if part != "[key]")
    variable = _PREFIX + "__".join(path).upper()
    from_environment = any(name.upper().startswith(variable) for name in os.environ) if path else False
    place = f"environment {variable}" if from_environment else document.place(path)
    where = f"{place}: " if place else ""
    key = ".".join(path) or "settings"
    if fault["type"] == "extra_forbidden":
        return f"{where}{key}: no such setting{_nearest(path[-1], _siblings(path))}; correct or remove it"
    value = "" if isinstance(fault["input"], Mapping | BaseModel) or _is_secret(path) else f"got {fault['input']!r}; "
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}{key}: {value}{message[:1].lower()}{message[1:]}"


def _is_secret(path: Sequence[str]) -> bool:
    return tuple(path[:2]) == ("redis", "url")


def _siblings(path: Sequence[str]) -> Sequence[str]:
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        found = model.model_fields.get(part)
        if found is None or not (isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel)):
            return []
        model = found.annotation
    return list(model.model_fields)


def _nearest(name: str, known: Iterator[str] | Sequence[str] | set[str] | Mapping[str, Any], prefix: str = "") -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""
