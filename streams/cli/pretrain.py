"""`braid pretrain`: a fusion model learns from windows without labels."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.terminal import make_console

__all__ = ["register"]


def pretrain(
    data: Annotated[Path, typer.Option(help="Windows to learn from, as .npz; labels in it are not looked at.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for pretrained.safetensors and pretrained.json. The same command goes on with what is there; "
            "what another one made is left alone."
        ),
    ],
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
        int | None, typer.Option(min=1, help="Length of a window; else the time of the latest item of all windows.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of everything random.")] = 0,
    is_json: JsonOption = False,
) -> None:
    """Learn from windows that nobody has labelled, before any label is used."""
    with mapped_errors():
        from processors.models.self_supervision import PretrainingSettings, pretrain_into

        settings = PretrainingSettings(
            kind=kind,
            width=width,
            epochs=epochs,
            batch_size=batch_size,
            contrastive_weight=contrastive,
            masked_weight=masked,
            window_ms=window_ms,
            seed=seed,
        )
        left = pretrain_into(out, data, settings, is_shown=not is_json)
    if is_json:
        typer.echo(json.dumps(left.facts, indent=2))
        return
    learned, judged = left.pretrained.windows
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in left.pretrained.losses.items())
    make_console().print(
        f"learned from {learned} windows; on {judged} others: {told}\n{left.weights} begins a training with labels",
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pretrain")(pretrain)
