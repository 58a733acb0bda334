"""`braid evaluate anomalies`: how well what is unusual is told from a normal that was learned without labels."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, find_or_build_models, mapped_errors
from streams.cli.options import read_settings
from streams.cli.terminal import print_markdown, say_steps

__all__ = ["evaluate_anomalies"]


def evaluate_anomalies(
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many runs, from seed 0 on.")] = 1,
    data: Annotated[Path, typer.Option(help="Folder that holds esc10/ and clips/.", envvar="BRAID_DATA")] = Path(
        "../shared/data"
    ),
    sources: Annotated[int, typer.Option(min=1, max=100, help="How many clips become sources, the longest first.")] = 5,
    learned_minutes: Annotated[
        float, typer.Option("--learned-minutes", min=0.1, max=600, help="Of normal, for each source.")
    ] = 6.0,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Model repository with the encoders; made where it is missing.  [default: that of `braid up`]"
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps what was encoded, for the next time.  [default: none]")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw where eight anomalies were seen, as .png or .jpg.")
    ] = None,
    is_json: JsonOption = False,
) -> None:
    """Compose sources of clips of still cameras and sounds, learn their normal, and judge nineteen kinds of anomalies.

    Every figure is of stretches, things and sounds that were not learned. Five sources take some minutes.
    """
    say = say_steps("anomalies")
    settings = read_settings(None)
    with mapped_errors():
        from processors.models.evaluation.anomalies import OURS, STREAM, run_anomalies
        from processors.models.evaluation.anomaly_run import RunSettings

        def find_repository() -> Path:
            return find_or_build_models(settings, models, lambda step: say(f"models: {step}"))

        reports = run_anomalies(
            data,
            find_repository,
            seeds=range(seeds),
            most_sources=sources,
            settings=RunSettings(learned_s=60 * learned_minutes),
            cache=cache,
            told=say,
            picture=picture,
        )
    if is_json:
        typer.echo(json.dumps({**reports[OURS].as_json(), "as_a_stream": reports[STREAM].as_json()}, indent=2))
    else:
        for title, report in (("Learned as recordings", reports[OURS]), ("Learned as a stream", reports[STREAM])):
            print_markdown(f"## {title}\n\n{report.as_markdown()}")
