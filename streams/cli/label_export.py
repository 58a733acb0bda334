"""`braid label export` on the terminal: what is in the set, and what is not."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import typer
from rich.console import Console

from processors.datasets.windows import UNLABELLED_CLASS, WindowSet, write_windows
from streams.cli.clock import now_ms
from streams.cli.detection_lines import parse_moment
from streams.cli.terminal import make_console, spinning
from streams.errors import ConfigurationError
from streams.labels.training_set import Chosen, LeftOut, collect_training_set
from streams.local import with_local_addresses
from streams.settings import Settings

__all__ = ["export_and_print"]

_SHOWN_OF_EACH_REASON = 3


def export_and_print(settings: Settings, chosen: Chosen, since: str | None, out: Path, *, as_json: bool) -> bool:
    """Write the training set, and say what is in it and what is not.

    Returns:
        False when no window could be had; nothing was written then.

    Raises:
        ConfigurationError: a time cannot be read, or the file cannot be written.
    """
    if out.suffix != ".npz" or not out.parent.is_dir():
        raise ConfigurationError(
            f"the set cannot be written to {out}; name a file that ends in .npz, in a folder that is there",
            code="configuration.label_export",
        )
    since_ms = None if since is None else parse_moment(since, now_ms())
    notes = make_console(stderr=True)
    with spinning("") as show:

        def progress(done: int, total: int) -> None:
            show(f"{done} of {total} windows encoded")

        made = asyncio.run(
            collect_training_set(with_local_addresses(settings), replace(chosen, since_ms=since_ms), progress)
        )
    if made.windows is not None:
        part = out.with_name(f".{out.stem}.part.npz")
        try:
            write_windows(made.windows, part)
            part.replace(out)  # a set that is there is whole, or stays as it is
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ConfigurationError(
                f"the set cannot be written to {out}: {error}; choose another file", code="configuration.label_export"
            ) from error
    if as_json:
        typer.echo(orjson.dumps(_export_document(out, made.windows, made.left_out), option=orjson.OPT_INDENT_2))
    else:
        _print_set(out, made.windows)
        _print_left_out(notes, made.left_out)
    return made.windows is not None


def _print_set(out: Path, windows: WindowSet | None) -> None:
    if windows is None:
        make_console(stderr=True).print("No window can be had: nothing was written.", style="red")
        return
    recordings = len(set(windows.recordings.tolist()))
    console = make_console()
    console.print(f"{out}: {len(windows)} windows of {recordings} recordings")
    for name, (happens, not_, unknown) in _counts(windows).items():
        if name == UNLABELLED_CLASS:
            continue
        console.print(f"  {name}: in {happens}, not in {not_}, not known of {unknown}")


def _print_left_out(notes: Console, left_out: Sequence[LeftOut]) -> None:
    for why, count in Counter(one.why for one in left_out).items():
        of_it = [one for one in left_out if one.why == why]
        notes.print(f"{count} left out, {why.replace('_', ' ')}:", style="yellow")
        for one in of_it[:_SHOWN_OF_EACH_REASON]:
            notes.print(f"  {one.window_id}: {one.message}")
        if count > _SHOWN_OF_EACH_REASON:
            notes.print("  …", style="dim")


def _export_document(out: Path, windows: WindowSet | None, left_out: Sequence[LeftOut]) -> dict[str, Any]:
    counts = {} if windows is None else _counts(windows)
    return {
        "path": None if windows is None else str(out),
        "windows": 0 if windows is None else len(windows),
        "recordings": {} if windows is None else Counter(windows.recordings.tolist()),
        "classes": {name: dict(zip(("happens", "not", "unknown"), each, strict=True)) for name, each in counts.items()},
        "left_out": [{"id": one.window_id, "why": one.why, "message": one.message} for one in left_out],
    }


def _counts(windows: WindowSet) -> dict[str, tuple[int, int, int]]:
    """Class -> in how many windows it happens, in how many not, and of how many it is not known."""
    return {
        name: (int((column == 1).sum()), int((column == 0).sum()), int(np.isnan(column).sum()))
        for name, column in zip(windows.classes, windows.labels.T, strict=True)
    }
