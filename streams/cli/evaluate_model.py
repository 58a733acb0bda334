"""`braid evaluate model`: how good a model of one's own is on windows or recordings that it was not judged by yet."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from processors.modality import Modality
from streams.cli.evaluation import (
    HtmlOption,
    JsonOption,
    MarkdownOption,
    mapped_errors,
    refuse_two_forms,
    show_report,
    write_page,
)
from streams.cli.recordings import make_tools
from streams.cli.terminal import say_steps
from streams.errors import ConfigurationError

if TYPE_CHECKING:
    from processors.models.training.plan import RecordingPlan

__all__ = ["evaluate_model"]


def evaluate_model(
    model: Annotated[
        Path, typer.Argument(metavar="FUSION", help="What `braid train` left: OUT/fusion.safetensors.", dir_okay=False)
    ],
    data: Annotated[Path, typer.Option(help="Windows (.npz), or a folder of recordings with labels.tsv.")],
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Leave out recordings that training has seen, by facts.json beside FUSION.")
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="Repository with the encoders. Else that of the training.")
    ] = None,
    size_ms: Annotated[int | None, typer.Option(help="Length of a window. Else as in training.")] = None,
    hop_ms: Annotated[int | None, typer.Option(help="A window begins every so often. Else as in training.")] = None,
    least_ms: Annotated[
        int | None, typer.Option(help="So much of an event makes an example of it. Else as in training.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames per second. Else as in training.")] = None,
    html: HtmlOption = None,
    is_markdown: MarkdownOption = False,
    is_json: JsonOption = False,
) -> None:
    """Score a model of `braid train` on other windows, or on other recordings with labels.

    Per task accuracy, precision, recall, F1, which class was taken for which, and calibration; with each modality alone
    and left out. Of recordings, events with their times, too: by segments of 1 s and by events with a collar of 1 s.
    Windows of a file bring no times, and --models, --size-ms, --hop-ms, --least-ms and --fps say nothing of them.
    """
    refuse_two_forms(is_json=is_json, is_markdown=is_markdown)
    say = say_steps("model")
    given = {"models": models, "size_ms": size_ms, "hop_ms": hop_ms, "least_ms": least_ms, "fps": fps}
    chosen = {name: value for name, value in given.items() if value is not None}
    if chosen and data.is_file():
        options = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise typer.BadParameter(
            f"{options}: windows are cut already in {data}; name a folder of recordings, or leave it out"
        )
    with mapped_errors(), redirect_stdout(sys.stderr):
        from processors.models.evaluation.model_page import render_model
        from processors.models.evaluation.trained_model import evaluate_model as evaluate
        from processors.models.evaluation.trained_model import load_judged
        from processors.models.fusion import load_trained
        from processors.models.training.facts import read_facts_beside
        from processors.models.training.plan import RecordingPlan

        trained, facts = load_trained(model), read_facts_beside(model)
        if facts is None:
            if unseen:
                raise ConfigurationError(
                    f"--unseen: no facts.json beside {model} says what training has seen; take the model where `braid "
                    "train` left it, or leave --unseen out",
                    code="configuration.dataset",
                )
            say(f"no facts.json beside {model}: what training has seen is not known")
        plan = _cut_as(RecordingPlan() if facts is None else facts.recordings, chosen)
        tools = make_tools(plan.fps, [Modality(name) for name in trained.model.shape.modalities])
        windows, source = load_judged(data, trained, plan, tools, say)
        evaluation = evaluate(
            trained,
            windows,
            str(data),
            source=source,
            seen=frozenset() if facts is None else facts.seen,
            is_unseen_only=unseen,
        )
        for warning in evaluation.warnings:
            say(warning)
        judged = {
            "model": str(model),
            "kind": evaluation.kind,
            "judged by": f"{data}: {evaluation.windows} windows of {len(evaluation.recordings)} recordings",
            **({"read with care": " ".join(evaluation.warnings)} if evaluation.warnings else {}),
        }
        if html is not None:
            write_page(html, render_model(f"Fusion: {evaluation.kind}", evaluation.report, judged))
    document = {"model": str(model), "data": str(data), **evaluation.as_json()}
    show_report(evaluation, document, is_json=is_json, is_markdown=is_markdown)


def _cut_as(base: "RecordingPlan", chosen: dict[str, Any]) -> "RecordingPlan":
    """How recordings are cut: as in training, but for what was chosen."""
    from pydantic import ValidationError

    try:
        return type(base)(**{**base.model_dump(), **chosen})
    except ValidationError as error:
        faults = [
            ": ".join([*map(str, fault["loc"]), str(fault["msg"]).removeprefix("Value error, ")])
            for fault in error.errors(include_url=False)
        ]
        raise typer.BadParameter(f"recordings cannot be cut so: {'; '.join(faults)}") from error
