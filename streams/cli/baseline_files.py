"""`braid baseline export`, `import` and `reset`: what was learned of a source as a file, and in place of another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from processors.errors import ModelError
from processors.normality import SourceBaseline
from streams.cli.baseline_models import models_of
from streams.cli.clock import now_ms
from streams.cli.terminal import make_console
from streams.errors import ConfigurationError
from streams.local import with_local_addresses
from streams.settings import Settings
from streams.store import MAX_STATE_BYTES, BaselineAbout, Store, StoredBaseline

__all__ = ["export_baseline", "import_baseline", "reset_baseline"]

T = TypeVar("T")

_MAGIC: Final = b"braid.baseline.v1\n"
_TRIES = 20  # each lost to a snapshot that the owner wrote meanwhile


@dataclass(frozen=True, slots=True)
class _Exported:
    """What a file holds: the source, what is known of its baseline, and the baseline, each behind a line's end."""

    source_id: str
    about: BaselineAbout
    state: bytes

    def to_bytes(self) -> bytes:
        return b"\n".join((_MAGIC.rstrip(), self.source_id.encode(), self.about.encode(), self.state))

    @classmethod
    def read(cls, path: Path) -> "_Exported":
        try:
            magic, source_id, about, state = path.read_bytes().split(b"\n", 3)
            SourceBaseline.from_bytes(state if magic + b"\n" == _MAGIC else b"")
            exported = cls(source_id.decode(), BaselineAbout.model_validate_json(about), state)
        except (OSError, ValueError, ValidationError, ModelError) as error:
            raise ConfigurationError(
                f"{path} is not a baseline that can be read: {error}; expected a file of `braid baseline export`, "
                "written by a Braid with the same layout",
                code="configuration.baseline",
            ) from error
        if len(state) > MAX_STATE_BYTES:
            raise ConfigurationError(
                f"the baseline in {path} has {len(state)} bytes, expected at most {MAX_STATE_BYTES}: it cannot be "
                "stored; export one that a worker learned",
                code="configuration.baseline",
            )
        return exported


def export_baseline(settings: Settings, source_id: str, path: Path) -> None:
    """Write what was learned of a source to a file, and say so.

    Raises:
        ConfigurationError: nothing was learned of it, or the file cannot be written.
    """
    stored = _in_store(settings, lambda store: store.baselines.read(source_id))
    if stored is None or not stored.state:
        raise ConfigurationError(
            f"nothing was learned of {source_id} yet, or it was not stored yet (baseline.snapshot_s)",
            code="configuration.baseline",
        )
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(_Exported(source_id, stored.about, stored.state).to_bytes())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigurationError(
            f"the baseline cannot be written to {path}: {error}; choose another file", code="configuration.baseline"
        ) from error
    _say(f"{stored.about.learned} windows of {source_id} are in {path}")


def import_baseline(settings: Settings, source_id: str, path: Path, *, relearns: bool) -> None:
    """Put what a file holds in place of what was learned of a source, and say so.

    Raises:
        ConfigurationError: the file is no baseline, or too large to be stored; it was learned from other versions of
            the encoders than the source's, and the source is not to begin anew.
    """
    exported = _Exported.read(path)
    learned_from = exported.about.models
    addressed = with_local_addresses(settings, needs={"redis"})

    async def put(store: Store) -> tuple[bool, Mapping[str, str]]:
        models = await models_of(store, addressed, source_id, learned_from.keys())
        is_other = any(models.get(name, version) != version for name, version in learned_from.items())
        if is_other and not relearns:
            raise ConfigurationError(
                f"the baseline in {path} was learned from {_named(learned_from)}, {source_id} has {_named(models)}: "
                "its numbers mean something else there. Serve those models, or let the source begin anew with "
                "--relearn",
                code="configuration.baseline",
            )
        if is_other:
            await _replace(store, source_id, lambda stored: (_begun(stored), b""))
        else:
            await _replace(store, source_id, lambda stored: (_taken_over(exported, source_id, stored), exported.state))
        return is_other, {name: version for name, version in learned_from.items() if name not in models}

    begins_anew, uncompared = _in_store(addressed, put)
    if begins_anew:
        _say(f"{source_id} begins anew: {path} was learned from other encoders")
        return
    _say(f"{source_id} goes on from {exported.about.learned} windows of {exported.source_id}")
    if uncompared:
        _say(
            f"not compared: whether {_named(uncompared)} is what {source_id} has; it has no answer of it yet, and no "
            "Triton says; where it has another version, its worker logs baseline_begun_anew, and begins anew"
        )


def reset_baseline(settings: Settings, source_id: str, *, forgets_lessons: bool) -> None:
    """Forget what was learned of a source, and say so."""

    async def forget(store: Store) -> None:
        await _replace(store, source_id, lambda stored: (_begun(stored), b""), forgets_lessons=forgets_lessons)

    _in_store(settings, forget)
    _say(f"{source_id} begins anew with the windows that come")


def _begun(stored: StoredBaseline | None) -> BaselineAbout:
    """Nothing learned; the windows before stay behind."""
    if stored is None:
        return BaselineAbout()
    return BaselineAbout(version=stored.about.version + 1, through_ms=stored.about.through_ms)


def _taken_over(exported: _Exported, source_id: str, stored: StoredBaseline | None) -> BaselineAbout:
    """What is known of an imported baseline at its new place: it goes on with that source's windows and lessons."""
    seen = [] if stored is None else [stored.about]
    if exported.source_id == source_id:
        seen.append(exported.about)
    update: dict[str, object] = {
        "through_ms": max((about.through_ms for about in seen if about.through_ms is not None), default=None),
        "learned_to_ms": max((about.learned_to_ms for about in seen if about.learned_to_ms is not None), default=None),
        "version": max(about.version for about in (exported.about, *seen)) + 1,
        "lessons": 0,
        "taught": {},
    }
    return exported.about.model_copy(update=update)


async def _replace(
    store: Store,
    source_id: str,
    make: Callable[[StoredBaseline | None], tuple[BaselineAbout, bytes]],
    *,
    forgets_lessons: bool = False,
) -> None:
    for _ in range(_TRIES):
        stored = await store.baselines.read(source_id)
        about, state = make(stored)
        about = about.model_copy(update={"written_ms": now_ms()})
        if await store.baselines.replace(source_id, stored, about, state, forgets_lessons=forgets_lessons):
            return
    raise ConfigurationError(
        f"what was learned of {source_id} changed {_TRIES} times meanwhile; try again", code="configuration.baseline"
    )


def _named(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(models.items())) or "no encoder"


def _in_store(settings: Settings, deed: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Store.connect(with_local_addresses(settings, needs={"redis"}), now_ms) as store:
            return await deed(store)

    return asyncio.run(run())


def _say(line: str) -> None:
    make_console().print(line)
