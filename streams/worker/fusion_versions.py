"""Which version of the fusion model answers: the same for all workers of a group, and changed while they run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from streams.inference import ModelClient
from streams.settings import Settings
from streams.store import LiveModels, ModelVersions, Store
from streams.worker.metrics import LIVE_VERSION
from streams.worker.readiness import Readiness

__all__ = ["AskedVersion", "FusionVersions"]

R = TypeVar("R")

_POLL_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AskedVersion:
    """A version of the fusion model that is asked.

    Attributes:
        number: of the version.
        thresholds: event class -> probability from which its answers count as an event.
    """

    number: int
    thresholds: Mapping[str, float]


class FusionVersions:
    """What the store says of the fusion model, as it was last read. Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        client: ModelClient,
        settings: Settings,
        readiness: Readiness,
        thresholds: Mapping[str, float],
    ) -> None:
        """Begin without a version.

        Args:
            store: asked which version is live.
            client: asked which versions are loaded where nothing is stored yet.
            settings: with the group.
            readiness: told when the store or Triton is away.
            thresholds: the repository's: of the versions that have none of their own.
        """
        self._store = store
        self._thresholds = thresholds
        self._client = client
        self._group = settings.kafka.group
        self._readiness = readiness
        self._document = LiveModels()
        self._versions: ModelVersions | None = None

    @property
    def live(self) -> AskedVersion:
        """The version that makes the answers."""
        return self._asked(self._reached, self._reached.live)

    @property
    def shadow(self) -> AskedVersion | None:
        """The version that answers beside it; None when none does."""
        versions = self._reached
        return None if versions.shadow is None else self._asked(versions, versions.shadow)

    async def reach(self) -> None:
        """Read which version is live; the first worker of a group sets it: the newest that is loaded.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        stored = await self._redis(partial(self._store.read_models, self._group))
        while stored is None or self._client.name not in stored.models:
            newest = await self._readiness.until_available("triton", self._client.newest_version)
            begun = ModelVersions(live=newest, highest=newest)
            stored = await self._agree(stored, (stored or LiveModels()).changed(self._client.name, begun))
        self._take(stored)

    async def refresh(self) -> None:
        """Read again; hold on to what was read before if the store went back.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        stored = await self._redis(partial(self._store.read_models, self._group))
        if stored is None or stored.revision < self._document.revision:
            log.warning("live_models_restored", revision=self._document.revision)
            stored = await self._agree(stored, self._document)
        self._take(stored)

    async def watch(self) -> None:
        """Refresh again and again; ends only as `refresh` does."""
        while True:
            await asyncio.sleep(_POLL_S)
            await self.refresh()

    @property
    def _reached(self) -> ModelVersions:
        if self._versions is None:
            raise RuntimeError("FusionVersions.reach comes first")
        return self._versions

    def _asked(self, versions: ModelVersions, number: int) -> AskedVersion:
        return AskedVersion(number, versions.thresholds.get(number, self._thresholds))

    def _take(self, document: LiveModels) -> None:
        versions = document.models.get(self._client.name)
        if versions is None or document.revision < self._document.revision:
            return
        if versions != self._versions:
            own = sorted(number for number in versions.thresholds if number in (versions.live, versions.shadow))
            log.info(
                "model_versions",
                model=self._client.name,
                live=versions.live,
                shadow=versions.shadow,
                own_thresholds=own,
            )
            LIVE_VERSION.labels(self._client.name).set(versions.live)
        self._document, self._versions = document, versions

    async def _agree(self, expected: LiveModels | None, new: LiveModels) -> LiveModels:
        return await self._redis(partial(self._store.agree_on_models, self._group, expected, new))

    async def _redis(self, call: Callable[[], Awaitable[R]]) -> R:
        return await self._readiness.until_available("redis", call)
