"""`braid dead-letters`: what could not be processed, and a second chance for it."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import ConfigOption, DataDirOption, read_settings

__all__ = ["register"]

CodeOption = Annotated[
    str | None, typer.Option(help="Only with this error code, such as video.truncated, or of this family: video.")
]
SourceOption = Annotated[str | None, typer.Option(help="Only this source's.")]

_dead_letters = typer.Typer(help="Show and replay what could not be processed.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(_dead_letters, name="dead-letters")


@_dead_letters.command("list")
def list_letters(
    code: CodeOption = None,
    stage: Annotated[
        str | None, typer.Option(help="Only found out at this stage: header, decode, align, encode or fuse.")
    ] = None,
    source: SourceOption = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="T", help="Only buried since: RFC 3339, epoch ms, or before now, such as -10m."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One array, every field, no payloads.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print the dead letters that Kafka holds, in the order in which they were buried.

    A line says: when it was buried, id, code, source, size of the payload, how often it was buried if more than once,
    and what was wrong.
    """
    from streams.cli.dead_letter_reports import print_letters
    from streams.dead_letters import DeadLetterFilter

    wanted = DeadLetterFilter(code=code, stage=stage, source_id=source)
    print_letters(read_settings(config, data_dir), wanted, since, limit, as_json=as_json)


@_dead_letters.command("show")
def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="TOPIC-PARTITION-OFFSET, as in the list.")],
    payload: Annotated[
        Path | None, typer.Option("--payload", metavar="FILE", help="Write the record's payload to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object, every field, no payload.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print one dead letter. Exits 1 when its payload is wanted and Kafka no longer holds it, 2 on an unknown id."""
    from streams.cli.dead_letter_reports import print_letter

    if not print_letter(read_settings(config, data_dir), letter_id, payload, as_json=as_json):
        raise typer.Exit(1)


@_dead_letters.command("replay")
def replay_letters(
    letter_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="TOPIC-PARTITION-OFFSET, as in the list.")
    ] = None,
    code: CodeOption = None,
    source: SourceOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Read dead letters again with the settings in force now, those named or all with a code.

    A final window that such a record belongs to gets a new revision that holds it, and stays final: the one act that
    changes a final answer. For windows that are not final yet the record is sent again. A second replay changes
    nothing. Exits 0 when all is done, 1 when some could not be (each is said), 2 on an unknown id.
    """
    from streams.cli.dead_letter_reports import replay_and_print

    if not letter_ids and code is None:
        raise typer.BadParameter("name dead letters by ID, or all of a kind with --code")
    if letter_ids and (code is not None or source is not None):
        raise typer.BadParameter("either IDs, or --code and --source; not both")
    if not replay_and_print(read_settings(config, data_dir), letter_ids or [], code, source):
        raise typer.Exit(1)
