"""Versions of models on the terminal: for people as a table, for programs as JSON."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import orjson
import typer
from rich.table import Column, Table
from rich.text import Text

from streams.cli.terminal import make_console
from streams.local import with_local_addresses
from streams.settings import Settings
from streams.store import ModelVersions
from streams.versions import ComparedVersions, ModelOverview, VersionDesk, VersionOverview, open_desk

__all__ = ["deploy_version", "print_overview", "promote_version", "remove_version", "roll_back", "shadow_version"]

T = TypeVar("T")


def print_overview(settings: Settings, *, as_json: bool, differences: bool) -> None:
    """Print every model's versions, and if wanted the windows that a shadow answered most differently."""
    models = _at_desk(settings, VersionDesk.overview)
    if as_json:
        document = {"models": [model.model_dump(mode="json") for model in models]}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    out = make_console()
    out.print(_table(models))
    for model in models:
        for version in model.versions:
            if version.thresholds is not None:
                out.print(_thresholds_line(model.name, version.version, version.thresholds))
        if model.comparison is not None:
            out.print(_comparison_line(model.name, model.comparison))
            if differences:
                out.print(_differences(model.comparison))


def deploy_version(settings: Settings, model: str, path: Path) -> None:
    """Deploy, and say what may follow."""
    version = _at_desk(settings, lambda desk: desk.deploy(model, path))
    make_console().print(
        f"{model} {version} is loaded and does not answer yet. Compare it: braid models shadow {model} {version}; "
        f"make it live: braid models promote {model} {version}",
    )


def promote_version(settings: Settings, model: str, version: int) -> None:
    """Make a version live."""
    _say_live(model, _at_desk(settings, lambda desk: desk.promote(model, version)))


def roll_back(settings: Settings, model: str) -> None:
    """Make the version live that was so before."""
    _say_live(model, _at_desk(settings, lambda desk: desk.roll_back(model)))


def shadow_version(settings: Settings, model: str, version: int, *, off: bool) -> None:
    """Begin or end a shadow."""
    if off:
        _at_desk(settings, lambda desk: desk.end_shadow(model, version))
        make_console().print(f"{model} {version} no longer answers beside the live version")
        return
    versions = _at_desk(settings, lambda desk: desk.shadow(model, version))
    make_console().print(f"{model} {version} answers beside {versions.live}; see: braid models list")


def remove_version(settings: Settings, model: str, version: int) -> None:
    """Remove a version."""
    _at_desk(settings, lambda desk: desk.remove(model, version))
    make_console().print(f"{model} {version} is removed")


def _at_desk(settings: Settings, deed: Callable[[VersionDesk], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_desk(with_local_addresses(settings, needs={"redis", "triton"})) as desk:
            return await deed(desk)

    return asyncio.run(run())


def _say_live(model: str, versions: ModelVersions) -> None:
    make_console().print(
        f"{model} {versions.live} is live: workers ask it from a second from now on"
        + (f"; back to {versions.before[-1]}: braid models rollback {model}" if versions.before else ""),
    )


def _table(models: Sequence[ModelOverview]) -> Table:
    table = Table("model", "version", "in repository", "loaded", "role", box=None, pad_edge=False)
    for model in models:
        for version in model.versions:
            table.add_row(model.name, str(version.version), *_cells(model, version))
    return table


def _cells(model: ModelOverview, version: VersionOverview) -> tuple[str, str, str]:
    present = {True: "yes", False: "no", None: "?"}[version.in_repository]
    loaded = "yes" if version.loaded else " ".join(filter(None, ["no", version.reason]))
    return present, loaded, version.role or ("" if model.swappable else "-")


def _thresholds_line(model: str, version: int, thresholds: Mapping[str, float]) -> str:
    told = ", ".join(f"{name} from {threshold:g} on" for name, threshold in sorted(thresholds.items()))
    return f"{model} {version} has thresholds of its own: {told}"


def _differences(found: ComparedVersions) -> Table:
    """The windows that the shadow answered most differently."""
    names = (f"by {found.live}", f"by {found.shadow}", f"told by {found.live}", f"told by {found.shadow}")
    # An id that is cut to the width of a terminal, or of a pipe, names no window.
    longest = max((len(window.window_id) for window in found.differences), default=0)
    table = Table(Column("window", no_wrap=True, min_width=longest), "class", *names, box=None, pad_edge=False)
    for window in found.differences:
        table.add_row(
            Text(window.window_id),
            Text(window.event_class),
            f"{window.live_probability:.4f}",
            f"{window.shadow_probability:.4f}",
            Text(window.live_event or "-"),
            Text(window.shadow_event or "-"),
        )
    return table


def _comparison_line(model: str, found: ComparedVersions) -> str:
    line = f"{model} {found.shadow} beside {found.live}: {found.answers} answers compared"
    if found.mean_difference is not None and found.max_difference is not None and found.other_event_share is not None:
        where = f" ({found.most_different})" if found.most_different else ""
        line += (
            f"; probabilities differ by {found.mean_difference:.4f} on average, {found.max_difference:.4f} at "
            f"most{where}; another event in {found.other_event_share:.1%}"
        )
    return f"{line}; {found.failed} failed, {found.skipped} skipped"
