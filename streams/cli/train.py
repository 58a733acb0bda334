"""`braid train`: a fusion model on a user's own windows or recordings."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.recordings import make_tools
from streams.cli.stored_windows import (
    DEFAULT_GAP_S,
    DEFAULT_LIMIT,
    STORED_NAME,
    EarliestOption,
    GapOption,
    LimitOption,
    SourceOption,
    StoredChoice,
    collect_once,
)
from streams.cli.terminal import make_console, print_markdown, say_steps

__all__ = ["register"]


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
    source: SourceOption = None,
    since: EarliestOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    gap_s: GapOption = DEFAULT_GAP_S,
    is_json: JsonOption = False,
    settings: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Train a fusion model, calibrate it, and judge it by recordings that it has not seen.

    After a crash the same command goes on where it was, and ends with the same model. Needs `pip install
    braid[train]`. --source, --since, --limit and --gap choose the windows of --from-store.
    """
    from streams.settings.training import load_plan, render_plan

    if example:
        typer.echo(render_plan(), nl=False)
        return
    if config is None:
        raise typer.BadParameter("name a configuration, or print one with --example", param_hint="CONFIG")
    choice = StoredChoice(source=source, since=since, limit=limit, gap_s=gap_s)
    if not from_store:
        choice.refuse_without_store()
    plan = load_plan(config, STORED_NAME if from_store else None)
    if from_store:
        collect_once(plan.out, choice, read_settings(settings, data_dir))
    console = make_console(stderr=True)
    with mapped_errors(), redirect_stdout(sys.stderr):  # the progress bar is drawn on stdout
        from processors.models.training.run import train as train_plan

        trained = train_plan(
            plan,
            make_tools(plan.recordings.fps, plan.modalities),
            told=say_steps("train"),
            is_shown=console.is_terminal,
        )
    if is_json:
        encoders = {modality.value: str(path) for modality, path in trained.encoders.items()}
        typer.echo(json.dumps({"fusion": str(trained.weights), "encoders": encoders, **trained.report.document}))
        return
    print_markdown(trained.report.markdown)
    lines = [f"models.fusion_file: {trained.weights}"]
    lines += [f"models.encoders.{modality}: {path}" for modality, path in trained.encoders.items()]
    console.print(
        f"train: {trained.weights} is ready. To serve it, set {' and '.join(f'`{line}`' for line in lines)} and run "
        "`braid models build`"
    )
