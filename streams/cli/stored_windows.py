"""Windows that commands take from the store: which ones, and that a training goes on with those that it began with."""

import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streams.errors import ConfigurationError
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.labels.training_set import Chosen

__all__ = [
    "DEFAULT_GAP_S",
    "DEFAULT_LIMIT",
    "STORED_NAME",
    "EarliestOption",
    "GapOption",
    "LimitOption",
    "SourceOption",
    "StoredChoice",
    "collect_once",
]

DEFAULT_LIMIT: Final = 1_000
DEFAULT_GAP_S: Final = 60.0
STORED_NAME: Final = "from-store.npz"
"""In the folder of a training; collected once, so that one that goes on learns from what it began with."""

_CHOICE_NAME: Final = "from-store.json"

SourceOption = Annotated[str | None, typer.Option(help="Only this source's; without it, every source's.")]
EarliestOption = Annotated[
    str | None, typer.Option(metavar="T", help="Earliest start: RFC 3339, epoch ms, or before now, such as -10m.")
]
LimitOption = Annotated[
    int, typer.Option(min=1, max=5_000, help="At most so many windows, the newest; each takes half a megabyte.")
]
GapOption = Annotated[
    float, typer.Option("--gap", metavar="SECONDS", min=0.001, help="So much time divides a source into recordings.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChoice:
    """What a person says of the windows that are meant.

    Attributes:
        source: whose; None takes every source's.
        since: earliest start, as it was written; None is unbounded.
        limit: how many at most, the newest.
        gap_s: windows of a source with so much time between them are of different recordings.
        judged: whether only windows with a verdict.
    """

    source: str | None = None
    since: str | None = None
    limit: int = DEFAULT_LIMIT
    gap_s: float = DEFAULT_GAP_S
    judged: bool = True

    def as_chosen(self) -> "Chosen":
        """The same for those who collect; they are told `since` apart, since it may count from now."""
        from streams.labels.training_set import Chosen

        return Chosen(source_id=self.source, limit=self.limit, gap_ms=round(self.gap_s * 1000), judged=self.judged)

    def refuse_without_store(self) -> None:
        """For a command that takes nothing from the store.

        Raises:
            typer.BadParameter: something was chosen all the same.
        """
        if self != StoredChoice(judged=self.judged):
            raise typer.BadParameter(
                "--source, --since, --limit and --gap choose stored windows; give --from-store, too"
            )


def collect_once(folder: Path, choice: StoredChoice, settings: Settings) -> Path:
    """The windows of a choice, as a file in the folder of a training; collected where it is not there.

    Raises:
        ConfigurationError: the folder holds windows of another choice, or none can be collected.
        typer.Exit: no window can be had; that was said.
    """
    from streams.cli.label_export import export_and_print

    kept, about = folder / STORED_NAME, folder / _CHOICE_NAME
    wanted = asdict(choice)
    if kept.exists():
        if (found := _read_choice(about)) != wanted:
            raise ConfigurationError(
                f"{kept} holds windows of another choice: {json.dumps(found)}, now {json.dumps(wanted)}; choose as "
                "before, or name another folder (`out`)",
                code="configuration.stored_windows",
            )
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    about.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
    with redirect_stdout(sys.stderr):
        is_written = export_and_print(settings, choice.as_chosen(), choice.since, kept, as_json=False)
    if not is_written:
        raise typer.Exit(1)
    return kept


def _read_choice(about: Path) -> object:
    try:
        return json.loads(about.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
