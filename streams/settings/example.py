"""The example configuration, rendered from the tree of settings so that it never goes stale."""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from streams.settings.tree import Settings

__all__ = ["render_example"]

_HEADING = """\
# Every setting of Braid with its default. Give the file with --config or BRAID_CONFIG; leave out what stays as it is.
# The environment outranks it (BRAID_WINDOWS__SIZE_MS=2000), the command line outranks both.
# `braid check-config --config FILE` says every fault at once.
"""

_SOURCES = """\
# Per source: its group, and what differs from `windows` and `modalities` above, with the same keys.
sources: {}
#  dock-1:
#    group: dock
#    windows: {size_ms: 8000, hop_ms: 4000}
#    modalities: {transcript: absent}
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
            lines.extend([f"{name}:", *_section(field.default, "  "), ""])
        else:
            lines.extend([f"# {field.description}", f"{name}: {_inline(field.default)}", ""])
    return "\n".join(lines).rstrip() + "\n"


def _section(section: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield from (f"{indent}# {line}" for line in (field.description or "").splitlines())
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _section(value, indent + "  ")
        else:
            yield f"{indent}{name}: {_inline(value)}"


def _inline(value: Any) -> str:
    plain = value if value is None or isinstance(value, int | float | list | dict) else str(value)
    return yaml.safe_dump(plain, default_flow_style=True, width=_WIDTH).removesuffix("\n").removesuffix("\n...")
