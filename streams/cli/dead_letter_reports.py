"""Dead letters on the terminal: for people as lines, for programs as JSON."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer
from rich.text import Text

from streams.cli.clock import now_ms
from streams.cli.detection_lines import parse_moment
from streams.cli.terminal import make_console
from streams.dead_letters import BuriedLetter, DeadLetterFilter, DeadLetters, find_dead_letters, read_whole
from streams.errors import ConfigurationError
from streams.kafka_ranges import KafkaRanges
from streams.local import with_local_addresses
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.worker.replay import Replayed

__all__ = ["print_letter", "print_letters", "replay_and_print"]


def print_letters(
    settings: Settings, wanted: DeadLetterFilter, since: str | None, limit: int, *, as_json: bool
) -> None:
    """Print the dead letters that are meant, in the order in which they were buried.

    Args:
        settings: in force.
        wanted: which ones.
        since: only those buried then or later, as a person wrote it; None takes all.
        limit: how many at most, the newest.
        as_json: one array.

    Raises:
        ConfigurationError: the time cannot be read, or there is no such topic.
        DependencyUnavailable: Kafka does not answer.
    """
    since_ms = None if since is None else parse_moment(since, now_ms())
    settings = with_local_addresses(settings, needs={"kafka"})
    found = asyncio.run(find_dead_letters(settings, wanted, since_ms=since_ms, limit=limit))
    if as_json:
        typer.echo(orjson.dumps([_as_json(buried) for buried in found.letters], option=orjson.OPT_INDENT_2))
    else:
        out = make_console()
        for buried in found.letters:
            out.print(_line(buried))
    _say_rest(found, settings)


def print_letter(settings: Settings, letter_id: str, payload_file: Path | None, *, as_json: bool) -> bool:
    """Print one dead letter, and write its payload to a file if one is given.

    Returns:
        False, and a note, when the payload is wanted and Kafka no longer holds it.

    Raises:
        ConfigurationError: no dead letter has that id, or the file cannot be written.
        DependencyUnavailable: Kafka does not answer.
    """
    settings = with_local_addresses(settings, needs={"kafka"})
    [buried] = asyncio.run(_find(settings, [letter_id]))
    if as_json:
        typer.echo(orjson.dumps(_as_json(buried), option=orjson.OPT_INDENT_2))
    else:
        make_console().print(_line(buried))
        make_console().print_json(orjson.dumps(_as_json(buried)).decode())
    if payload_file is None:
        return True

    async def read() -> bytes | None:
        async with KafkaRanges(settings, client_id="braid-dead-letters") as kafka:
            letter = await read_whole(kafka, settings, buried)
        return None if letter is None else letter.value

    payload = asyncio.run(read())
    if payload is None:
        make_console(stderr=True).print(f"Kafka no longer holds the payload of {letter_id}.")
        return False
    try:
        payload_file.write_bytes(payload)
    except OSError as error:
        raise ConfigurationError(f"cannot write the payload to {payload_file}: {error}") from error
    return True


def replay_and_print(settings: Settings, letter_ids: Sequence[str], code: str | None, source_id: str | None) -> bool:
    """Replay dead letters and say of each what became of it.

    Args:
        settings: in force.
        letter_ids: which ones; empty: all with the code.
        code: of the errors; None with ids.
        source_id: only this source's; None takes all.

    Returns:
        Whether all of it is done.

    Raises:
        ConfigurationError: an id is unknown; nothing was replayed then.
        DependencyUnavailable: Kafka, Triton or Redis is away. What was done stays.
    """
    from streams.worker.replay import open_replayer

    settings = with_local_addresses(settings)
    out = make_console()

    async def run() -> bool:
        if letter_ids:
            buried = await _find(settings, letter_ids)
        else:
            found = await find_dead_letters(settings, DeadLetterFilter(code=code, source_id=source_id))
            _say_rest(found, settings)
            buried = found.letters
        if not buried:
            return True
        outcomes = []
        async with open_replayer(settings) as replayer:
            for one in buried:
                outcomes.append(await replayer.replay(one))
                out.print(_outcome(outcomes[-1]))
        done = sum(outcome.is_done for outcome in outcomes)
        out.print(f"{done} of {len(outcomes)} done", style="dim")
        return done == len(outcomes)

    return asyncio.run(run())


async def _find(settings: Settings, letter_ids: Sequence[str]) -> list[BuriedLetter]:
    found = await find_dead_letters(settings, DeadLetterFilter(ids=frozenset(letter_ids)))
    unknown = set(letter_ids) - {buried.letter.id for buried in found.letters}
    if unknown:
        raise ConfigurationError(
            f"{settings.kafka.topics.dead_letters} holds no dead letter {', '.join(sorted(unknown))}; expected an id "
            "of `braid dead-letters list`, TOPIC-PARTITION-OFFSET; it may have expired (retention.topics_s)",
            code="configuration.dead_letter",
        )
    return found.letters


def _as_json(buried: BuriedLetter) -> dict[str, Any]:
    letter = buried.letter
    return {
        "id": letter.id,
        "code": letter.code,
        "stage": letter.stage,
        "message": letter.message,
        "key": _text(letter.key),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp_ms": letter.timestamp_ms,
        "buried_ms": buried.buried_ms,
        "copies": buried.copies,
        "payload_bytes": letter.size_bytes,
        "payload_sha256": letter.payload_sha256,
        "has_payload": buried.has_payload,
        "headers": [[name, _text(value)] for name, value in letter.headers],
    }


def _line(buried: BuriedLetter) -> Text:
    letter = buried.letter
    moment = datetime.fromtimestamp(buried.buried_ms / 1000).astimezone()
    line = Text(no_wrap=True, overflow="ignore")
    line.append(f"{moment:%Y-%m-%d %H:%M:%S}  ", style="dim")
    line.append(f"{letter.id}  ", style="cyan")
    line.append(f"{letter.code}  ", style="bold yellow")
    line.append(f"{_printable(_text(letter.key) or '-')}  {letter.size_bytes} bytes")
    line.append("" if buried.has_payload else " (dropped)")
    line.append(f"  x{buried.copies}" if buried.copies > 1 else "", style="dim")
    line.append(f"  {_printable(letter.message)}", style="dim")
    return line


def _outcome(replayed: "Replayed") -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    line.append(replayed.letter_id, style="cyan")
    if replayed.refused:
        line.append(f"  refused: {replayed.refused}", style="red")
    for window in replayed.windows:
        if window.revision is None:
            line.append(f"\n  {window.window_id}  not changed: {window.reason}", style="red")
        else:
            line.append(f"\n  {window.window_id}  revision {window.revision}", style="green")
            line.append("" if window.is_new else ", held it already", style="dim")
    if not (replayed.refused or replayed.windows or replayed.sent_again_for):
        line.append("  a heartbeat: it belongs to no window", style="green")
    for window_id in replayed.sent_again_for:
        line.append(f"\n  {window_id}  not final yet: the record was sent again", style="green")
    return line


def _say_rest(found: DeadLetters, settings: Settings) -> None:
    notes = make_console(stderr=True)
    if not found.letters:
        notes.print("No such dead letters.", style="dim")
    if found.left_out:
        notes.print(f"{found.left_out} older ones are left out.", style="dim")
    if found.strangers:
        topic = settings.kafka.topics.dead_letters
        notes.print(f"{found.strangers} records of {topic} are no dead letters.", style="yellow")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")


def _printable(text: str) -> str:
    """Without what would steer a terminal: keys and messages hold what a stranger sent."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
