"""`braid evaluate`: how good the models are, on data of one's own."""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.errors import ConfigurationError

__all__ = ["register"]

evaluate = typer.Typer(no_args_is_help=True, help="Measure how good the models are. Needs `pip install braid[train]`.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(evaluate, name="evaluate")


@evaluate.command()
def sounds(
    data: Annotated[Path, typer.Option(help="Folder with one folder of sounds (WAV, FLAC, Ogg, MP3) per class.")],
    folds: Annotated[
        bool, typer.Option("--folds", help="Leave one fold out after the other and train on the rest. Takes minutes.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the trainings of --folds.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score the shipped sound model on a folder of sounds, or its recipe with --folds.

    The names of the class folders must be classes that the model knows; case, `-`, `_` and a number in front do not
    count. With --folds any classes will do: the folds are the first digits of names such as 1-100032-A.wav, or five
    made of whole files.
    """
    from processors.errors import DatasetError, ModelError
    from processors.models.evaluation.sounds import judge_sounds

    console = Console(stderr=True)

    def say(step: str) -> None:
        console.print(f"[dim]sounds:[/] {step}", highlight=False)

    try:
        if folds:
            from processors.models.sound_training import judge_sound_folds

            say("leaving one fold out after the other takes about ten minutes on one core")
            figures = judge_sound_folds(data, seed=seed, progress=say)
            typer.echo(json_text.dumps(figures.as_json(), indent=2) if json else figures.as_markdown())
        else:
            report = judge_sounds(data, progress=say)
            head = f"accuracy {report.accuracy:.3f}, macro F1 {report.macro_f1:.3f}, "
            head += f"calibration error {report.calibration_error:.3f}\n\n"
            typer.echo(json_text.dumps(report.as_json(), indent=2) if json else head + report.as_markdown())
    except DatasetError as error:
        raise ConfigurationError(str(error), code="configuration.data") from error
    except ModelError as error:
        raise ConfigurationError(str(error), code="configuration.models") from error
