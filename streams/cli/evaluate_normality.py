"""`braid evaluate budget` and `braid evaluate pvalues`: whether what a baseline promises holds in simulations."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, find_or_build_models, mapped_errors
from streams.cli.options import read_settings
from streams.cli.terminal import print_markdown, say_steps
from streams.errors import ConfigurationError
from streams.settings import WindowSettings

__all__ = ["evaluate_budget", "evaluate_pvalues"]

_APART_S = 10.0
"""Length of windows that do not overlap."""
_SeedsOption = Annotated[int, typer.Option(min=1, max=100, help="How many runs, from seed 0 on.")]


def evaluate_budget(
    seeds: _SeedsOption = 5,
    days: Annotated[float, typer.Option(min=2, max=365, help="How long each source is watched.")] = 30.0,
    window: Annotated[
        float | None,
        typer.Option(min=0.1, max=600, help="Seconds that a window lasts.  [default: as many as --hop]"),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(min=0.1, max=60, help="Seconds from window to window.  [default: as many as --window]"),
    ] = None,
    is_checked: Annotated[bool, typer.Option("--check", help="Exit with 1 where a budget is not kept.")] = False,
    is_json: JsonOption = False,
) -> None:
    """Count the alarms of sources with nothing unusual but chance, under budgets of 1, 3 and 10 a day.

    Without --window and --hop: windows as the settings have them by default, then of 10 s, one after the other. A run
    of thirty days takes one core a minute for each of three kinds of sources, the first windows five times as long as
    the others. Then a burst of true anomalies: what it does to the budget.
    """
    from processors.normality.evaluation.budgets import measure_budgets
    from processors.normality.evaluation.bursts import measure_bursts

    reports, broken = [], []
    for window_s, hop_s in _windows(window, hop):
        budgets = measure_budgets(range(seeds), days=days, hop_s=hop_s, window_s=window_s)
        bursts = measure_bursts(range(seeds), days=days, hop_s=hop_s, window_s=window_s)
        broken += budgets.broken()
        reports.append(budgets.as_json() | {"burst": bursts.as_json()})
        if not is_json:
            title = f"Windows of {window_s:g} s every {hop_s:g} s"
            print_markdown(f"# {title}\n\n{budgets.as_markdown()}\n\n{bursts.as_markdown()}")
    if is_json:
        typer.echo(json.dumps({"windows": reports, "broken": broken}))
    if is_checked and broken:
        for line in broken:
            typer.echo(line, err=True)
        raise typer.Exit(1)


def _windows(window_s: float | None, hop_s: float | None) -> list[tuple[float, float]]:
    """Length and hop of the windows to measure with."""
    if window_s is None and hop_s is None:
        default = WindowSettings()
        return [(default.size_ms / 1000, default.hop_ms / 1000), (_APART_S, _APART_S)]
    length, step = window_s or hop_s or _APART_S, hop_s or window_s or _APART_S
    if step > length:
        raise ConfigurationError(f"--hop is {step:g} s, more than --window, {length:g} s; lower --hop")
    return [(length, step)]


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
        typer.Option(
            help="Model repository with the encoders, for --clip; made where it is missing.  "
            "[default: that of `braid up`]"
        ),
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

    say, settings = say_steps("pvalues"), read_settings(None)
    clips = find_clips(paths, None)
    with mapped_errors():
        from processors.models.local_encoders import Encoders

        repository = find_or_build_models(settings, models, lambda step: say(f"models: {step}"))
        told = judge_online(clips, Encoders(repository), Scoring(1_000, 100))
    if not told:
        raise ConfigurationError(
            f"{', '.join(each.name for each in clips)}: over before the warm-up is; give recordings of a minute or more"
        )
    return told
