"""`braid evaluate budget` and `braid evaluate pvalues`: whether what a baseline promises holds in simulations."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.options import read_settings
from streams.cli.terminal import print_markdown
from streams.errors import ConfigurationError

__all__ = ["evaluate_budget", "evaluate_pvalues"]

_SeedsOption = Annotated[int, typer.Option(min=1, max=100, help="How many runs, from seed 0 on.")]


def evaluate_budget(
    seeds: _SeedsOption = 5,
    days: Annotated[float, typer.Option(min=2, max=365, help="How long each source is watched.")] = 30.0,
    hop: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds from window to window.")] = 10.0,
    is_json: JsonOption = False,
) -> None:
    """Count the alarms of sources with nothing unusual but chance, under budgets of 1, 3 and 10 a day.

    A run of thirty days takes a minute or two on one core. Then a burst of true anomalies: what it does to the budget.
    """
    from processors.normality.evaluation.budgets import measure_budgets
    from processors.normality.evaluation.bursts import measure_bursts

    budgets = measure_budgets(range(seeds), days=days, hop_s=hop)
    bursts = measure_bursts(range(seeds), days=days, hop_s=hop)
    if is_json:
        typer.echo(json.dumps(budgets.as_json() | {"burst": bursts.as_json()}))
    else:
        print_markdown(f"{budgets.as_markdown()}\n\n{bursts.as_markdown()}")


def evaluate_pvalues(
    seeds: _SeedsOption = 5,
    days: Annotated[float, typer.Option(min=0, max=365, help="Of simulated scores, for the calibration alone.")] = 10.0,
    windows: Annotated[int, typer.Option(min=0, max=1_000_000, help="That a whole baseline judges.")] = 10_000,
    clip: Annotated[
        list[Path] | None,
        typer.Option(
            help="Normal recordings, judged instead of simulations: windows of 1 s every 100 ms.", exists=True
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(help="Model repository with the encoders, for --clip.  [default: that of the settings]"),
    ] = None,
    is_json: JsonOption = False,
) -> None:
    """Compare p-values of normal windows, each judged before it is learned, with a uniform distribution."""
    from processors.normality.evaluation.p_values import compare_p_values, measure_p_values

    if clip:
        report = compare_p_values(_judge_clips(clip, models))
    else:
        report = measure_p_values(range(seeds), days=days, windows=windows)
    if is_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        print_markdown(report.as_markdown())


def _judge_clips(paths: list[Path], models: Path | None) -> dict[str, list[float]]:
    from streams.scoring.clips import find_clips
    from streams.scoring.online import judge_online
    from streams.scoring.run import Scoring

    repository = models or read_settings(None).models.repository
    if repository is None:
        raise ConfigurationError("no encoders to judge recordings with; give a model repository by --models")
    clips = find_clips(paths, None)
    with mapped_errors():
        from processors.models.local_encoders import Encoders

        told = judge_online(clips, Encoders(repository), Scoring(1_000, 100))
    if not told:
        raise ConfigurationError(
            f"{', '.join(each.name for each in clips)}: over before the warm-up is; give recordings of a minute or more"
        )
    return told
