"""The YAML document behind the settings: its values, and the line on which each key stands."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from streams.errors import ConfigurationError

__all__ = ["Document", "DocumentSource", "KeyPath", "in_force", "read_document"]

KeyPath = tuple[str, ...]
"""The keys that lead to a value, outermost first."""


@dataclass(frozen=True)
class Document:
    """A parsed YAML file.

    Attributes:
        path: of the file; None when there is none.
        values: its mapping.
        lines: from a key's path to its line number, from 1.
    """

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, key_path: KeyPath) -> str | None:
        """`file:line` of a key or of its nearest parent in the file; None if the file does not hold it."""
        if self.path is None or not key_path or key_path[:1] not in self.lines:
            return None
        while key_path not in self.lines:
            key_path = key_path[:-1]
        return f"{self.path}:{self.lines[key_path]}"


_in_force: ContextVar[Document] = ContextVar("_in_force", default=Document())  # noqa: B039 - Document is frozen


class DocumentSource(PydanticBaseSettingsSource):
    """Hands the document in force to pydantic-settings."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - its signature
        """Value of one top-level key."""
        return _in_force.get().values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values of the document."""
        return dict(_in_force.get().values)


@contextmanager
def in_force(document: Document) -> Iterator[None]:
    """Make `document` the lowest-ranking source of every settings object built inside the block."""
    token = _in_force.set(document)
    try:
        yield
    finally:
        _in_force.reset(token)


def read_document(path: Path) -> Document:
    """Parse a YAML file.

    Raises:
        ConfigurationError: it cannot be read, is not YAML, names a key twice, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read the configuration {path}: {error}; give a readable YAML file with --config or BRAID_CONFIG",
            code="configuration.unreadable",
        ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}", code="configuration.syntax"
        ) from error
    if root is None:
        return Document(path)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(
            f"{path}:1: expected a mapping of sections such as `kafka:`, got {type(values).__name__}",
            code="configuration.syntax",
        )
    return Document(path, values, dict(_lines(path, root, ())))


def _lines(path: Path, node: yaml.MappingNode, parents: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    seen: set[KeyPath] = set()
    for key_node, value_node in node.value:
        key_path = (*parents, str(key_node.value))
        line = key_node.start_mark.line + 1
        if key_path in seen:
            raise ConfigurationError(
                f"{path}:{line}: {'.'.join(key_path)} is given twice; keep one", code="configuration.duplicate"
            )
        seen.add(key_path)
        yield key_path, line
        if isinstance(value_node, yaml.MappingNode):
            yield from _lines(path, value_node, key_path)
