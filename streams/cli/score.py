"""`braid score`: how unusual every window of one's own recordings is, learned from normal ones."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.cli.options import ConfigOption, read_settings

__all__ = ["register"]

_MS_OF: Final = {"ms": 1, "s": 1000, "": 1000, "m": 60_000}
_SHORTEST_MS: Final = 20


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(score)


def score(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Recordings to score.", show_default=False)],
    normal: Annotated[
        list[Path],
        typer.Option(
            metavar="PATH",
            help="A file or folder of nothing unusual. Each takes a --normal of its own, as in --normal A --normal B "
            "CLIP: with --normal A B CLIP, B is scored.",
            show_default=False,
        ),
    ],
    window: Annotated[str, typer.Option(help="Length of a window, such as 1s or 500ms.")] = "1s",
    hop: Annotated[str, typer.Option(help="From the start of one window to the next, at most --window.")] = "100ms",
    fps: Annotated[
        str | None,
        typer.Option(
            help="Frames read per second of a video at most; rate of the pictures of a folder.  [default: 10]",
            show_default=False,
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Model repository with the encoders, run in this process.  [default: that of `braid up`, built where "
            "it is missing]"
        ),
    ] = None,
    triton: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Ask the encoders of this Triton instead, over gRPC.")
    ] = None,
    learn: Annotated[
        bool,
        typer.Option(
            "--learn", help="Learn from scored windows, too: what lasts becomes normal, and the order of CLIP counts."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, instead of CSV.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="With --json, explain usual windows, too, not only those with p <= 0.05.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Score recordings by how unlike normal ones each of their windows is; needs no labels, Kafka or Redis.

    A recording is a file of video or sound, or a folder of pictures (JPEG, PNG, TIFF, ...) that are the frames of one
    clip in order of name, with words in it or beside it (.vtt, .srt, .transcript.jsonl); pictures may have a sound file
    beside them, too. Folders are searched for both; hidden ones and those that end in _gt are passed over.

    One line per window goes to stdout: clip, start_ms, end_ms, score, anomaly_p and the p-value of each part. The score
    grows with how unusual the window is, and compares over all clips. With --json an unusual window has an explanation:
    where in the picture, which seconds, which words, and what it is most like.

    A window is scored by what is over at its end, and, without --learn, changes nothing for those after it.
    """
    from streams.cli.score_reports import ScoreRequest, score_and_print

    if models is not None and triton is not None:
        raise typer.BadParameter("--models and --triton both say where the encoders are; give one of them")
    if explain and not as_json:
        raise typer.BadParameter("explanations are told with --json only", param_hint="--explain")
    window_ms, hop_ms = _parse_ms(window, "--window"), _parse_ms(hop, "--hop")
    if hop_ms > window_ms:
        raise typer.BadParameter(
            f"--hop {hop} is longer than --window {window}: what lies between would not be scored", param_hint="--hop"
        )
    request = ScoreRequest(
        normal=normal,
        clips=clips,
        window_ms=window_ms,
        hop_ms=hop_ms,
        fps=None if fps is None else _parse_fps(fps),
        models=models,
        triton=triton,
        learns=learn,
        as_json=as_json,
        explains_all=explain,
    )
    score_and_print(read_settings(config), request)


def _parse_ms(text: str, option: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|)", text)
    length_ms = 0 if found is None else round(float(found[1]) * _MS_OF[found[2]])
    if length_ms < _SHORTEST_MS:
        raise typer.BadParameter(
            f"got {text!r}, expected a length of at least {_SHORTEST_MS}ms, such as 100ms or 1s", param_hint=option
        )
    return length_ms


def _parse_fps(text: str) -> Fraction:
    try:
        fps = Fraction(text)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if not 0 < fps <= 1000:
        raise typer.BadParameter(
            f"got {text!r}, expected frames per second, such as 10 or 30000/1001", param_hint="--fps"
        )
    return fps
