"""`braid evaluate sounds`: how well the sound classifier, or its recipe, names the sounds of a folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from streams.cli.evaluation import HtmlOption, JsonOption, mapped_errors, write_page
from streams.cli.terminal import say_steps

__all__ = ["evaluate_sounds"]


def evaluate_sounds(
    data: Annotated[Path, typer.Option(help="Folder with one folder of sounds (WAV, FLAC, Ogg, MP3) per class.")],
    folds: Annotated[
        bool, typer.Option("--folds", help="Leave one fold out after the other and train on the rest. Takes minutes.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the trainings of --folds.", min=0)] = 0,
    seeds: Annotated[
        int, typer.Option(help="How many, from --seed on; several give mean and standard deviation.", min=1, max=100)
    ] = 1,
    transfer: Annotated[
        Literal["frozen", "last_n", "full", "lora"] | None,
        typer.Option(help="How much of the network learns with --folds; last_n is how the shipped one did."),
    ] = None,
    html: HtmlOption = None,
    is_json: JsonOption = False,
) -> None:
    """Score the shipped sound model on a folder of sounds, or its recipe with --folds.

    The names of the class folders must be classes that the model knows; case, `-`, `_` and a number in front do not
    count. With --folds any classes will do: the folds are the first digits of names such as 1-100032-A.wav, or five
    made of whole files.
    """
    if folds and html:
        raise typer.BadParameter("--html shows the answers of one model; leave it out, or --folds")
    if transfer and not folds:
        raise typer.BadParameter("--transfer is about training; give --folds, too")
    if seeds > 1 and not folds:
        raise typer.BadParameter("--seeds is about training; give --folds, too")
    say = say_steps("sounds")
    with mapped_errors():
        if folds:
            from processors.models.sound_training import RECIPE_TRANSFER, FoldSpread, judge_sound_folds

            say(f"leaving one fold out after the other takes about {10 * seeds} minutes on one core")
            chosen = RECIPE_TRANSFER if transfer is None else replace(RECIPE_TRANSFER, kind=transfer)
            runs = tuple(
                judge_sound_folds(data, seed=each, progress=say, transfer=chosen) for each in range(seed, seed + seeds)
            )
            figures = runs[0] if seeds == 1 else FoldSpread(runs)
            typer.echo(json.dumps(figures.as_json(), indent=2) if is_json else figures.as_markdown())
            return
        from processors.models.evaluation.sounds import judge_sounds

        report = judge_sounds(data, progress=say)
        if html is not None:
            from processors.models.evaluation.html import render_html

            facts = {"data": data.name, "model": "the shipped sound classifier"}
            write_page(html, render_html("Sounds", report, facts))
    head = f"accuracy {report.accuracy:.3f}, macro F1 {report.macro_f1:.3f}, "
    head += f"calibration error {report.calibration_error:.3f}\n\n"
    typer.echo(json.dumps(report.as_json(), indent=2) if is_json else head + report.as_markdown())
