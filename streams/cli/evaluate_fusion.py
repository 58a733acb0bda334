"""`braid evaluate fusion` and `braid evaluate missing`: how good fusion is on files of ready features."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from streams.cli.evaluation import HtmlOption, JsonOption, mapped_errors, write_page
from streams.cli.terminal import print_markdown, spinning

__all__ = ["evaluate_fusion", "evaluate_missing"]

SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many trainings, from seed 0 on.")]


class _Report(Protocol):
    def as_json(self) -> dict[str, Any]: ...

    def as_markdown(self) -> str: ...


def evaluate_fusion(
    train: Annotated[Path, typer.Option(help="Utterances to learn from, as .npz (docs/reference/evaluation.md).")],
    test: Annotated[
        Path | None,
        typer.Option(help="Utterances to be judged by. Without it recordings of --train are held out in turn."),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="concat, weighted, attention, transformer, or ensemble for all of them.")
    ] = "ensemble",
    seeds: SeedsOption = 5,
    html: HtmlOption = None,
    is_json: JsonOption = False,
) -> None:
    """Train the recommended fusion of utterances, and score it. It looks back in a recording, never ahead."""
    if html is not None and test is None:
        raise typer.BadParameter("--html shows the answers of one model; it needs --test")
    with mapped_errors():
        from processors.datasets.features import read_utterances
        from processors.models.evaluation.fusion import compare_kinds, measure_transfer

        learned, judged = read_utterances(train), None if test is None else read_utterances(test)
        report: _Report
        with _progress() as told:
            if judged is None:
                report = compare_kinds(learned, kind=kind, seeds=range(seeds), told=told)
            else:
                report = transfer = measure_transfer(learned, judged, kind=kind, seeds=range(seeds), told=told)
    if html is not None and test is not None:
        facts = {"learned from": train.name, "kind": kind, "seeds": f"0 to {seeds - 1}, as one ensemble"}
        write_page(html, "Fusion", transfer.report, {"judged by": test.name, **facts})
    document = {"train": str(train), "test": None if test is None else str(test), **report.as_json()}
    _show(report, document, is_json=is_json)


def evaluate_missing(
    data: Annotated[Path, typer.Option(help="Aligned sequences, as .npz (docs/reference/evaluation.md).")],
    kind: Annotated[
        str, typer.Option(help="concat, weighted, attention, transformer, or ensemble for all of them.")
    ] = "ensemble",
    seeds: SeedsOption = 5,
    is_json: JsonOption = False,
) -> None:
    """Train where a modality is missing, and score with all modalities, with two and with one."""
    with mapped_errors():
        from processors.datasets.features import read_sequences
        from processors.models.evaluation.missing import measure_missing

        sequences = read_sequences(data)
        with _progress() as told:
            report = measure_missing(sequences, kind=kind, seeds=range(seeds), told=told)
    _show(report, {"data": str(data), **report.as_json()}, is_json=is_json)


@contextmanager
def _progress() -> Iterator[Any]:
    """Says on stderr what has been trained."""
    with spinning("training") as show:
        yield lambda what: show(f"trained {what}")


def _show(report: _Report, document: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps(document))
    else:
        print_markdown(report.as_markdown())
