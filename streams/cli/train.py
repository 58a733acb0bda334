"""`braid train`: a fusion model on a user's own windows or recordings."""

import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.options import ConfigOption, DataDirOption, read_settings

if TYPE_CHECKING:
    from processors.models.training.plan import TrainingPlan
    from processors.models.training.recordings import ItemEncoder, RecordedItem

__all__ = ["read_recorded_items", "register"]

_FROM_STORE = "from-store.npz"
"""In the training's folder; collected once, so that a training that goes on learns from what it learned from."""

_STORED_WINDOWS = 5_000
_GAP_MS = 60_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="YAML file; see --example.", show_default=False)
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print every key with its default, and exit.")] = False,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Learn from stored windows with a verdict; see `braid label`.")
    ] = False,
    is_json: JsonOption = False,
    settings: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Train a fusion model, calibrate it, and judge it by recordings that it has not seen.

    After a crash the same command goes on where it was, and ends with the same model. Needs `pip install
    braid[train]`.
    """
    from streams.settings.training import load_plan, render_plan

    if example:
        typer.echo(render_plan(), nl=False)
        return
    if config is None:
        raise typer.BadParameter("name a configuration, or print one with --example", param_hint="CONFIG")
    plan = load_plan(config, _FROM_STORE if from_store else None)
    if from_store and not plan.data.exists():
        plan.out.mkdir(parents=True, exist_ok=True)
        _collect(plan.data, settings, data_dir)
    console = Console(stderr=True)
    with mapped_errors(), redirect_stdout(sys.stderr):  # the progress bar is drawn on stdout
        from processors.models.training.data import RecordingTools
        from processors.models.training.run import train as train_plan

        trained = train_plan(
            plan,
            RecordingTools(read=lambda path: read_recorded_items(path, plan), open_encoder=_open_encoder),
            told=lambda step: console.print(f"[dim]train:[/] {step}", highlight=False),
            is_shown=console.is_terminal,
        )
    if is_json:
        encoders = {modality.value: str(path) for modality, path in trained.encoders.items()}
        typer.echo(json.dumps({"fusion": str(trained.weights), "encoders": encoders, **trained.report.document}))
        return
    Console().print(Markdown(trained.report.markdown))
    lines = [f"models.fusion_file: {trained.weights}"]
    lines += [f"models.encoders.{modality}: {path}" for modality, path in trained.encoders.items()]
    console.print(
        f"train: {trained.weights} is ready. To serve it, set {' and '.join(f'`{line}`' for line in lines)} and run "
        "`braid models build`",
        soft_wrap=True,
        highlight=False,
    )


def _collect(out: Path, config: Path | None, data_dir: Path | None) -> None:
    from streams.cli.label_export import export_and_print
    from streams.labels.training_set import Chosen

    chosen = Chosen(limit=_STORED_WINDOWS, gap_ms=_GAP_MS)
    with redirect_stdout(sys.stderr):
        is_written = export_and_print(read_settings(config, data_dir), chosen, None, out, as_json=False)
    if not is_written:
        raise typer.Exit(1)


def read_recorded_items(path: Path, plan: "TrainingPlan") -> "Iterator[RecordedItem]":
    """The items of a media file, as `braid ingest` would send them."""
    from processors.models.training.recordings import RecordedItem
    from streams.ingest import ReadOptions, open_media, read_items

    modalities = frozenset(plan.modalities)
    options = ReadOptions(fps=Fraction(plan.recordings.fps), modalities=modalities)
    for record in read_items(open_media(path, modalities=modalities), options):
        if not record.is_heartbeat:
            yield RecordedItem(record.modality, record.start_ms, record.due_ms, record.payload)


def _open_encoder(repository: Path) -> "ItemEncoder":
    from processors.models.local_encoders import Encoders

    return Encoders(repository)
