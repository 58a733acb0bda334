"""What commands on models share: options, errors in Braid's families, the repository, and the page that they write."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.errors import ConfigurationError
from streams.settings import Settings

if TYPE_CHECKING:
    from processors.models.evaluation import ClassificationReport

__all__ = ["HtmlOption", "JsonOption", "find_or_build_models", "mapped_errors", "write_page"]

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else there.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", dir_okay=False, help="Also write the figures and plots to this page.")
]


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


def write_page(path: Path, title: str, report: "ClassificationReport", facts: Mapping[str, str]) -> None:
    """Write the HTML report.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    with mapped_errors():
        from processors.models.evaluation.html import render_html

        page = render_html(title, report, facts)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the report {path} cannot be written: {error.strerror}; name another file", code="configuration.report"
        ) from error
