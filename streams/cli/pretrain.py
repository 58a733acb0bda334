"""`braid pretrain`: a fusion model learns from windows without labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streams.cli.evaluation import JsonOption, find_or_build_models, mapped_errors
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.recordings import make_tools
from streams.cli.stored_windows import (
    DEFAULT_GAP_S,
    DEFAULT_LIMIT,
    EarliestOption,
    GapOption,
    LimitOption,
    SourceOption,
    StoredChoice,
    collect_once,
)
from streams.cli.terminal import make_console, say_steps

if TYPE_CHECKING:
    from processors.models.self_supervision import RecordingsToCut
    from streams.settings import Settings

__all__ = ["register"]

_SIZE_MS: Final = 4_000
_LEAST_SIZE_MS: Final = 100
_HOP_MS: Final = 2_000
_FPS: Final = 5.0


def pretrain(
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for pretrained.safetensors and pretrained.json. The same command goes on with what is there; "
            "what another one made is left alone."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="What to learn from: windows (.npz), or a folder of recordings. No label is looked at."),
    ] = None,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Learn from stored windows instead, with or without a verdict.")
    ] = False,
    kind: Annotated[str, typer.Option(help="concat, weighted, attention or transformer.")] = "attention",
    width: Annotated[
        int, typer.Option(min=4, max=4096, help="Of the model; the training with labels needs the same.")
    ] = 128,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the windows, at most.")] = 40,
    batch_size: Annotated[int, typer.Option(min=2, help="Windows of a step, which are each other's negatives.")] = 128,
    contrastive: Annotated[
        float, typer.Option(min=0, max=1000, help="Weight of telling windows apart across modalities.")
    ] = 1.0,
    masked: Annotated[float, typer.Option(min=0, max=1000, help="Weight of finding hidden items.")] = 1.0,
    window_ms: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Length of a window.  [default: {_SIZE_MS} for recordings; else the time of the latest item of all "
            "windows]",
        ),
    ] = None,
    hop_ms: Annotated[
        int | None, typer.Option(min=1, help=f"Of recordings: a window begins every so often.  [default: {_HOP_MS}]")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.01, max=1000, help=f"Of recordings: frames per second looked at.  [default: {_FPS:g}]"),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Of recordings: repository with the encoders.  [default: that of `braid up`, built if missing]"
        ),
    ] = None,
    source: SourceOption = None,
    since: EarliestOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    gap_s: GapOption = DEFAULT_GAP_S,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of everything random.")] = 0,
    is_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Learn from windows that nobody has labelled, before any label is used.

    A folder of recordings holds media files, with subtitles beside them if there are any; they are encoded once. Needs
    `pip install braid[train]`. --source, --since, --limit and --gap choose the windows of --from-store.
    """
    if (data is None) != from_store:
        raise typer.BadParameter("name either --data or --from-store")
    choice = StoredChoice(source=source, since=since, limit=limit, gap_s=gap_s, judged=False)
    if data is not None:
        choice.refuse_without_store()
    is_cut = data is not None and data.is_dir()
    if not is_cut and (hop_ms, fps, models) != (None, None, None):
        raise typer.BadParameter("--hop-ms, --fps and --models are about recordings; name a folder of them as --data")
    with mapped_errors():
        from processors.models.self_supervision import PretrainingSettings, pretrain_into

        cut = None
        if is_cut:
            cut = _cut(read_settings(config, data_dir), window_ms or _SIZE_MS, hop_ms, fps, models)
        settings = PretrainingSettings(
            kind=kind,
            width=width,
            epochs=epochs,
            batch_size=batch_size,
            contrastive_weight=contrastive,
            masked_weight=masked,
            window_ms=window_ms if cut is None else cut.plan.size_ms,
            seed=seed,
        )
        given = data if data is not None else collect_once(out, choice, read_settings(config, data_dir))
        left = pretrain_into(out, given, settings, cut, is_shown=not is_json)
    if is_json:
        typer.echo(json.dumps(left.facts, indent=2))
        return
    learned, judged = left.pretrained.windows
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in left.pretrained.losses.items())
    make_console().print(
        f"learned from {learned} windows; on {judged} others: {told}\n{left.weights} begins a training with labels",
    )


def _cut(
    settings: "Settings", size_ms: int, hop_ms: int | None, fps: float | None, models: Path | None
) -> "RecordingsToCut":
    from processors.models.self_supervision import RecordingsToCut
    from processors.models.training.plan import RecordingPlan

    hop_ms = min(_HOP_MS, size_ms) if hop_ms is None else hop_ms
    if size_ms < _LEAST_SIZE_MS or hop_ms > size_ms:
        raise typer.BadParameter(
            f"windows of {size_ms} ms every {hop_ms} ms; expected {_LEAST_SIZE_MS} ms or more, and no longer hop"
        )
    say = say_steps("pretrain")
    repository = find_or_build_models(settings, models, lambda step: say(f"models: {step}"))
    plan = RecordingPlan(models=repository, size_ms=size_ms, hop_ms=hop_ms, least_ms=size_ms, fps=fps or _FPS)
    return RecordingsToCut(plan=plan, tools=make_tools(plan.fps), told=say)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pretrain")(pretrain)
