"""What commands on models share: options, errors in Braid's families, the repository, and how they show reports."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from streams.cli.terminal import print_markdown
from streams.errors import ConfigurationError
from streams.settings import Settings

__all__ = [
    "HtmlOption",
    "JsonOption",
    "MarkdownOption",
    "Report",
    "find_or_build_models",
    "mapped_errors",
    "refuse_two_forms",
    "show_report",
    "write_page",
]

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Markdown as text on stdout, and nothing else there.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", dir_okay=False, help="Also write the figures and plots to this page.")
]


class Report(Protocol):
    """What an evaluation found."""

    def as_markdown(self) -> str:
        """Tables."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn what is wrong with data, models or the installation into errors of configuration."""
    from processors.errors import DatasetError, ModelError

    try:
        yield
    except DatasetError as error:
        raise ConfigurationError(str(error), code="configuration.dataset") from error
    except ModelError as error:
        raise ConfigurationError(str(error), code="configuration.models") from error
    except ImportError as error:
        raise ConfigurationError(f"{error}; this command needs `pip install braid[train]`") from error


def find_or_build_models(settings: Settings, chosen: Path | None, say: Callable[[str], None]) -> Path:
    """The model repository to take encoders from: the chosen one, that of the settings, or one built where none is.

    Args:
        settings: name a repository, or the folder that one is built in.
        chosen: on the command line.
        say: told each step of a build.
    """
    from processors.models.build import build_repository

    if (own := chosen or settings.models.repository) is not None:
        return own
    built = settings.data_dir / "models"
    build_repository(
        built,
        precision=settings.models.precision,
        progress=lambda step, number, steps: say(f"{step} ({number}/{steps})"),
    )
    return built


def refuse_two_forms(*, is_json: bool, is_markdown: bool) -> None:
    """Refuse that two documents are asked for on one stdout, before anything is measured.

    Raises:
        BadParameter: they were.
    """
    if is_json and is_markdown:
        raise typer.BadParameter("--json and --markdown each want stdout for themselves; give one of them")


def show_report(report: Report, document: Mapping[str, Any], *, is_json: bool, is_markdown: bool = False) -> None:
    """Print a report on stdout: as a document, as Markdown's text, or drawn for a terminal."""
    if is_json:
        typer.echo(json.dumps(document, indent=2))
    elif is_markdown:
        typer.echo(report.as_markdown(), nl=False)
    else:
        print_markdown(report.as_markdown())


def write_page(path: Path, page: str) -> None:
    """Write an HTML report.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the report {path} cannot be written: {error.strerror}; name another file", code="configuration.report"
        ) from error
