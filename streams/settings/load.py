"""Build the settings out of file, environment and command line, and report every fault at once."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from streams.errors import ConfigurationError
from streams.settings.document import Document, KeyPath, in_force, read_document
from streams.settings.faults import PREFIX, describe_fault, nearest
from streams.settings.tree import Settings
from streams.settings.windows import ModalitySettings, WindowSettings

__all__ = ["CONFIG_VARIABLE", "load_settings"]

CONFIG_VARIABLE = "BRAID_CONFIG"
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "BRAID_DATA", "BRAID_SITE_PACKAGES", "BRAID_TRITON_THREADS"})
_SECRETS: frozenset[KeyPath] = frozenset({("redis", "url")})
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
            faults += [
                describe_fault(fault, document, Settings, has_environment=True, secrets=_SECRETS)
                for fault in error.errors(include_url=False)
            ]
    if faults or settings is None:
        raise ConfigurationError("\n".join(faults), code="configuration.invalid")
    return settings


def _unknown_variables() -> Iterator[str]:
    known = {name.upper() for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in _OTHER_VARIABLES:
            section = variable.removeprefix(PREFIX).split("__")[0]
            if section not in known:
                yield f"environment {variable}: no such setting{nearest(section, known, PREFIX)}; unset it"


def _unknown_source_keys(document: Document) -> Iterator[str]:
    sources = document.values.get("sources")
    for source_id, own in sources.items() if isinstance(sources, Mapping) else ():
        for section, model in _PER_SOURCE.items():
            values = own.get(section) if isinstance(own, Mapping) else None
            for key in values if isinstance(values, Mapping) else ():
                if key not in model.model_fields:
                    path = ("sources", str(source_id), section, str(key))
                    yield f"{document.place(path)}: {'.'.join(path)}: no such setting" + nearest(
                        str(key), model.model_fields
                    )
