"""`braid pretrain`: a fusion model learns from windows without labels."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from streams.cli.evaluation import JsonOption, mapped_errors

__all__ = ["register"]

_WEIGHTS: Final = "pretrained.safetensors"
_FACTS: Final = "pretrained.json"
_CHECKPOINTS: Final = "checkpoints"


def pretrain(
    data: Annotated[Path, typer.Option(help="Windows to learn from, as .npz; labels in it are not looked at.")],
    out: Annotated[
        Path, typer.Option(help=f"Folder for {_WEIGHTS} and {_FACTS}; training goes on from what is there.")
    ],
    kind: Annotated[str, typer.Option(help="concat, weighted, attention or transformer.")] = "attention",
    width: Annotated[int, typer.Option(help="Of the model; the training with labels needs the same.")] = 128,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the windows, at most.")] = 40,
    batch_size: Annotated[int, typer.Option(min=2, help="Windows of a step, which are each other's negatives.")] = 128,
    contrastive: Annotated[float, typer.Option(help="Weight of telling windows apart across modalities.")] = 1.0,
    masked: Annotated[float, typer.Option(help="Weight of finding hidden items.")] = 1.0,
    window_ms: Annotated[
        int | None, typer.Option(min=1, help="Length of a window; else the time of the latest item of all windows.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    is_json: JsonOption = False,
) -> None:
    """Learn from windows that nobody has labelled, before any label is used."""
    with mapped_errors():
        from processors.datasets.windows import read_windows
        from processors.models.fusion import TrainedFusion, save_trained
        from processors.models.self_supervision import PretrainingSettings
        from processors.models.self_supervision import pretrain as learn

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
        done = learn(read_windows(data), settings, out / _CHECKPOINTS, is_shown=not is_json)
        save_trained(TrainedFusion(kind, done.model, {}), out / _WEIGHTS)
    facts = {
        "schema": "braid.pretraining.facts.v1",
        "data": data.name,
        "modalities": dict(done.model.shape.modalities),
        "windows": {"training": done.windows[0], "validation": done.windows[1]},
        "validation_losses": done.losses,
        "settings": asdict(settings),
        "weights": str(out / _WEIGHTS),
    }
    document = json.dumps(facts, indent=2)
    (out / _FACTS).write_text(document + "\n", encoding="utf-8")
    if is_json:
        typer.echo(document)
        return
    told = ", ".join(f"{name} {loss:.3f}" for name, loss in done.losses.items())
    Console().print(
        f"learned from {done.windows[0]} windows; on {done.windows[1]} others: {told}\n"
        f"[bold]{out / _WEIGHTS}[/] begins a training with labels",
        highlight=False,
        soft_wrap=True,
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pretrain")(pretrain)
