"""The example configuration, rendered from the tree of settings so that it never goes stale."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from streams.settings.tree import Settings

__all__ = ["render_example", "render_section"]

_HEADING = """\
# Every setting of Braid with its default. Give the file with --config or BRAID_CONFIG; leave out what stays as it is.
# The environment outranks it (BRAID_WINDOWS__SIZE_MS=2000), the command line outranks both.
# `braid check-config --config FILE` says every fault at once.
"""

_SOURCES = """\
# Per source: its group, and what differs from `windows`, `modalities` and `baseline` above, with the same keys.
sources: {}
#  dock-1:
#    group: dock
#    windows: {size_ms: 8000, hop_ms: 4000}
#    modalities: {transcript: absent}
#    baseline: {alarms_per_day: 1}
"""

_WIDTH = 1000
"""Characters; a value stands on one line."""


def render_example() -> str:
    """All settings as commented YAML; reading it gives the defaults."""
    lines = [_HEADING]
    for name, field in Settings.model_fields.items():
        if name == "sources":
            lines.append(_SOURCES)
        elif isinstance(field.default, BaseModel):
            lines.extend([f"{name}:", *render_section(field.default, "  "), ""])
        else:
            lines.extend([f"# {field.description}", f"{name}: {_inline(field.default)}", ""])
    return "\n".join(lines).rstrip() + "\n"


def render_section(section: BaseModel, indent: str) -> Iterator[str]:
    """The lines of a section: each key with its value, and before it what it is for."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield from (f"{indent}# {line}" for line in (field.description or "").splitlines())
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from render_section(value, indent + "  ")
        elif isinstance(value, Mapping) and any(isinstance(part, BaseModel) for part in value.values()):
            yield f"{indent}{name}:"
            for key, part in value.items():
                yield f"{indent}  {key}:"
                yield from render_section(part, indent + "    ")
        else:
            yield f"{indent}{name}: {_inline(value)}"


def _inline(value: Any) -> str:
    return yaml.safe_dump(_plain(value), default_flow_style=True, width=_WIDTH).removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(map(_plain, value))
    return value if value is None or isinstance(value, int | float) else str(value)
