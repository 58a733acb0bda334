"""`braid store`: the Redis that answers and positions are kept in."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli.clock import now_ms
from streams.cli.options import ConfigOption, DataDirOption, read_settings
from streams.cli.terminal import make_console

if TYPE_CHECKING:
    from streams.settings import Settings

__all__ = ["register"]

store = typer.Typer(no_args_is_help=True, help="The Redis that answers and positions are kept in.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(store, name="store")


@store.callback()
def _store() -> None:
    """The Redis that answers and positions are kept in."""


@store.command("init")
def init(
    begin_from: Annotated[
        Literal["earliest", "committed"],
        typer.Option(
            "--from",
            help="`earliest` stores again all that Kafka still holds; `committed` goes on where the group's commit on "
            "Kafka stands, and leaves what was lost lost.",
        ),
    ],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say from where a Redis that has lost its data is filled again.

    A new Redis needs no init: workers that find nothing there, and no commit of their group on Kafka either, begin by
    themselves. Where the group has committed and Redis is empty they wait, not ready, for this command. A Redis that is
    in use is refused with exit code 2.
    """
    from streams.local import with_local_addresses

    settings = with_local_addresses(read_settings(config, data_dir), needs={"kafka", "redis"})
    positions = asyncio.run(_begin(settings, from_committed=begin_from == "committed"))
    make_console().print(
        f"group {settings.kafka.group}: {len(positions)} partitions are read from "
        + ("Kafka's commit" if begin_from == "committed" else "the beginning")
    )


async def _begin(settings: "Settings", *, from_committed: bool) -> dict[int, dict[str, int]]:
    from streams.errors import ConfigurationError
    from streams.group_offsets import read_committed_offsets
    from streams.store import Store
    from streams.topics import check_topics

    partitions = await check_topics(settings)
    positions: dict[int, dict[str, int]] = {number: {} for number in range(partitions)}
    if from_committed:
        positions = await read_committed_offsets(settings, partitions)
    async with Store.connect(settings, now_ms) as connected:
        await connected.check()
        if not await connected.begin_generation(settings.kafka.group, positions):
            raise ConfigurationError(
                "this Redis is in use: it holds a generation mark; expected one that lost its data. To start over on "
                "purpose, stop the workers and delete its keys (braid:*) first",
                code="configuration.store_in_use",
            )
    return positions
