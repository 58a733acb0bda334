"""`braid evaluate composed`: how well the shipped model tells events on composed streams of real scenes."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import (
    HtmlOption,
    JsonOption,
    MarkdownOption,
    find_or_build_models,
    mapped_errors,
    refuse_two_forms,
    show_report,
    write_page,
)
from streams.cli.options import read_settings
from streams.cli.terminal import say_steps

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
    seeds: Annotated[
        int, typer.Option(help="How many, from --seed on; several give mean and standard deviation.", min=1, max=100)
    ] = 1,
    html: HtmlOption = None,
    is_markdown: MarkdownOption = False,
    is_json: JsonOption = False,
) -> None:
    """Score the shipped model on streams composed of clips, sounds and lines that training has not seen.

    Class folders named as the model's classes (dog_bark, 001 - Dog bark; also dog, crying_baby, crackling_fire) give
    the events, rain and sea_waves lie under the streams, all other classes are heard without meaning anything. Files
    that training has seen, by name, are passed over.
    """
    refuse_two_forms(is_json=is_json, is_markdown=is_markdown)
    say = say_steps("composed")
    settings = read_settings(None)
    with mapped_errors():
        from processors.models.evaluation.composed_run import run_composed

        def find_repository() -> Path:
            return find_or_build_models(settings, models, lambda step: say(f"models: {step}"))

        document, spread = run_composed(
            range(seed, seed + seeds),
            data=data,
            sounds=sounds,
            clips=clips,
            repository=find_repository,
            streams=streams,
            told=say,
        )
        if html is not None:
            from processors.models.evaluation.composed_page import render_composed

            used = document["used"]
            facts = {
                "streams": f"{streams} of a minute, each seed",
                "scenes": ", ".join(used["scenes"]),
                "sounds": f"{sum(used['sounds'].values())} of {len(used['sounds'])} classes",
            }
            write_page(html, render_composed(spread, facts))
    report = spread if seeds > 1 else spread.reports[0]
    show_report(report, document, is_json=is_json, is_markdown=is_markdown)
