"""`braid evaluate pretraining`: what learning without labels is worth."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import HtmlOption, JsonOption, mapped_errors, show_report, write_page
from streams.cli.terminal import say_steps

__all__ = ["evaluate_pretraining"]


def evaluate_pretraining(
    train: Annotated[Path, typer.Option(help="Labelled windows to learn from, as .npz.")],
    test: Annotated[Path, typer.Option(help="Labelled windows of other recordings to be judged by.")],
    kind: Annotated[str, typer.Option(help="concat, weighted, attention or transformer.")] = "attention",
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the pre-training, at most.")] = 40,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many runs, from seed 0 on.")] = 5,
    html: HtmlOption = None,
    is_json: JsonOption = False,
) -> None:
    """Train with the labels of 5 %, 20 % and all recordings, after `braid pretrain` on all windows and without it."""
    say = say_steps("pretraining")
    with mapped_errors():
        from processors.datasets.windows import read_windows
        from processors.models.evaluation.pretraining import measure_pretraining
        from processors.models.evaluation.spread_page import render_spreads
        from processors.models.self_supervision import PretrainingSettings

        settings = PretrainingSettings(kind=kind, epochs=epochs)
        report = measure_pretraining(read_windows(train), read_windows(test), settings, seeds=range(seeds), told=say)
        facts = {"learned from": train.name, "judged by": test.name, "kind": kind, "seeds": f"0 to {seeds - 1}"}
        if html is not None:
            write_page(html, render_spreads("Pre-training", report.as_tables(), facts))
    document = {"train": str(train), "test": str(test), **report.as_json()}
    show_report(report, document, is_json=is_json)
