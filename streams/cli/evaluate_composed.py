"""`braid evaluate composed`: how well the shipped model tells events on composed streams of real scenes."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, find_or_build_models, mapped_errors
from streams.cli.options import read_settings
from streams.cli.terminal import print_markdown, say_steps

__all__ = ["evaluate_composed"]


def evaluate_composed(
    seed: Annotated[int, typer.Option(help="Of the streams.", min=0, max=1_000_000)] = 0,
    sounds: Annotated[
        Path | None,
        typer.Option(help="Folder with one folder of sounds per class.  [default: fold 3 of DATA/esc10]"),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="Folder of video clips: scenes, and things to cut out.  [default: those of DATA/clips]"),
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder that holds esc10/ and clips/.", envvar="BRAID_DATA")] = Path(
        "../shared/data"
    ),
    streams: Annotated[int, typer.Option(help="How many streams of a minute.", min=1, max=1000)] = 16,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Model repository with the encoders; made where it is missing.  [default: that of `braid up`]"
        ),
    ] = None,
    is_json: JsonOption = False,
) -> None:
    """Score the shipped model on streams composed of clips, sounds and lines that training has not seen.

    Class folders named as the model's classes (dog_bark, 001 - Dog bark; also dog, crying_baby, crackling_fire) give
    the events, rain and sea_waves lie under the streams, all other classes are heard without meaning anything. Files
    that training has seen, by name, are passed over.
    """
    say = say_steps("composed")
    settings = read_settings(None)
    with mapped_errors():
        from processors.models.evaluation.composed_run import run_composed

        def find_repository() -> Path:
            return find_or_build_models(settings, models, lambda step: say(f"models: {step}"))

        document, report = run_composed(
            seed, data=data, sounds=sounds, clips=clips, repository=find_repository, streams=streams, told=say
        )
    if is_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        print_markdown(report.as_markdown())
