"""`braid export`: smaller and faster versions of a model as ONNX, with what each costs and gains."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processors.models.precision import Precision
from streams.cli.evaluation import JsonOption, mapped_errors
from streams.cli.terminal import print_markdown, say_steps
from streams.errors import ConfigurationError

if TYPE_CHECKING:
    from processors.models.compression.report import ExportReport

__all__ = ["register"]


class _Encoder(StrEnum):
    VIDEO = "video"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    out: Annotated[Path, typer.Option(help="Folder for the versions and the report.", file_okay=False)],
    fusion: Annotated[
        Path | None, typer.Option(help="A trained fusion model (fusion.safetensors).", dir_okay=False)
    ] = None,
    encoder: Annotated[
        _Encoder | None, typer.Option(help="The shipped encoder to calibrate on frames of your own.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="With --fusion: windows (.npz) to calibrate, rank and fine-tune by.")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(help="With --fusion: windows to judge by. Without it a third of --data's recordings is held out."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="With --encoder: folder of pictures and clips.", file_okay=False)
    ] = None,
    precision: Annotated[Precision, typer.Option(help="int8 makes an eight-bit version beside the float one.")] = (
        Precision.INT8
    ),
    prune: Annotated[
        float | None, typer.Option(help="With --fusion: share of the hidden units to take out, such as 0.5.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="Passes of fine-tuning after pruning.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the ranking and the fine-tuning.")] = 0,
    is_json: JsonOption = False,
) -> None:
    """Write ONNX versions of a model, each as OUT/VERSION/model.onnx, and a report of accuracy lost and speed gained.

    A fusion model is written in floats, in eight-bit integers, and, with --prune, without its least useful hidden
    units. The frame encoder is written in eight-bit integers, calibrated on your own frames. Versions are compared in
    one run, in turn. The report is OUT/report.json, report.md and report.html. Needs `pip install braid[train]`.
    """
    if (fusion is None) == (encoder is None):
        raise typer.BadParameter("name either --fusion or --encoder")
    if fusion is not None and data is None:
        raise typer.BadParameter("--fusion needs --data, windows to calibrate and judge by")
    if precision is Precision.FP16:
        raise typer.BadParameter("half precision is made by `braid models build --precision fp16`")
    if encoder is not None and (calibration is None or prune is not None or precision is not Precision.INT8):
        raise typer.BadParameter("--encoder needs --calibration, and makes an eight-bit version only")
    say = say_steps("export")
    with mapped_errors():
        if fusion is not None and data is not None:
            from processors.datasets.windows import read_windows
            from processors.models.compression.fusion import FusionExport, export_fusion
            from processors.models.compression.windows import split_windows
            from processors.models.fusion import load_trained

            trained, windows = load_trained(fusion), read_windows(data)
            fitted_by, judged_by = (
                split_windows(windows, 1 / 3, seed) if test is None else (windows, read_windows(test))
            )
            how = FusionExport(precision=precision, share=prune, epochs=epochs, seed=seed)
            report = export_fusion(trained, fitted_by, judged_by, out, how, source=fusion, told=say)
        elif calibration is not None:
            from processors.models.compression.encoder import export_frame_encoder

            report = export_frame_encoder(calibration, out, told=say)
    _write(report, out)
    if is_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        print_markdown(report.as_markdown())


def _write(report: "ExportReport", out: Path) -> None:
    with mapped_errors():
        from processors.models.compression.report import render_report

        page = render_report(report)
    try:
        (out / "report.json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
        (out / "report.md").write_text(report.as_markdown(), encoding="utf-8")
        (out / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the report cannot be written to {out}: {error.strerror}; name another folder", code="configuration.report"
        ) from error
