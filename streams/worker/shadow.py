"""A version of the fusion model that answers beside the live one; nothing acts on what it says."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import structlog

from processors.models.served import ServedFacts
from processors.models.spec import FUSION
from streams.errors import BraidError
from streams.inference import ModelClient
from streams.settings import Settings
from streams.store import Comparison, DifferingWindow, Store
from streams.worker.answer import FusionAnswer, FusionInputs, event_of, stack_inputs
from streams.worker.fusion_versions import AskedVersion, FusionVersions
from streams.worker.metrics import SHADOW_ANSWERS
from streams.worker.readiness import Readiness

__all__ = ["Shadow"]

_WAITING = 64  # a quarter of a megabyte each, of embeddings
_WAITING_BYTES = 20_000_000
_WAITING_AT_LEAST = 8
_OUTPUT = FUSION.outputs[0].name
_DIGITS = 6

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Answered:
    """A window that the live version has answered."""

    window_id: str
    inputs: FusionInputs
    answer: FusionAnswer


@dataclass(frozen=True, slots=True)
class _Pair:
    """The versions that are compared, and what this worker has found so far."""

    live: int
    shadow: int
    found: Comparison


class Shadow:
    """Asks the shadow version about the windows that the live one answered, and counts how they differ.

    It never holds an answer back: windows wait in a bounded queue, and what does not fit is skipped and counted. Its
    calls have a circuit breaker of their own, and give way to a row on trial. Belongs to one event loop; owns its
    channel.
    """

    def __init__(
        self,
        client: ModelClient,
        versions: FusionVersions,
        store: Store,
        settings: Settings,
        readiness: Readiness,
        worker: str,
        served: ServedFacts,
    ) -> None:
        """Begin with nothing waiting.

        Args:
            client: of the fusion model, on a server `aside`.
            versions: which version is the shadow at this moment.
            store: where the counts are kept.
            settings: the group, and the bounds of `triton`.
            readiness: told when the store is away.
            worker: name of this worker, unique in its group; its counts go on after a restart.
            served: the classes that are answered.
        """
        self._client = client
        self._versions = versions
        self._store = store
        self._group = settings.kafka.group
        self._max_batch = min(settings.triton.max_batch, client.spec.max_batch_size)
        self._at_most = min(_WAITING, max(_WAITING_AT_LEAST, _WAITING_BYTES // served.window_bytes))
        self._readiness = readiness
        self._worker = worker
        self._classes = served.classes
        self._waiting: deque[_Answered] = deque()
        self._is_wanted = asyncio.Event()
        self._skipped = 0
        self._pair: _Pair | None = None

    def beside(self, window_id: str, inputs: FusionInputs, answer: FusionAnswer) -> None:
        """Take note of an answer of the live version; returns at once."""
        if self._versions.shadow is None:
            return
        if len(self._waiting) == self._at_most:
            self._skipped += 1
            return
        self._waiting.append(_Answered(window_id, inputs, answer))
        self._is_wanted.set()

    async def run(self) -> None:
        """Compare for as long as this worker runs.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            while self._waiting:
                await self._compare(self._take())

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()

    def _take(self) -> list[_Answered]:
        """The windows that waited longest and were answered by the same version."""
        batch = [self._waiting.popleft()]
        version = batch[0].answer.model_version
        while self._waiting and len(batch) < self._max_batch and self._waiting[0].answer.model_version == version:
            batch.append(self._waiting.popleft())
        return batch

    async def _compare(self, batch: Sequence[_Answered]) -> None:
        live, shadow = int(batch[0].answer.model_version), self._versions.shadow
        if shadow is None or shadow.number == live:
            return
        pair = await self._pair_of(live, shadow.number)
        found = pair.found.plus(await self._ask(batch, shadow)).plus(Comparison(skipped=self._skipped))
        self._skipped = 0
        self._pair = replace(pair, found=found)
        versions = (live, shadow.number)
        write = partial(self._store.write_comparison, self._group, self._client.name, *versions, self._worker, found)
        await self._readiness.until_available("redis", write)

    async def _pair_of(self, live: int, shadow: int) -> _Pair:
        """The counts of these two versions, gone on with where they stand."""
        if self._pair is None or (self._pair.live, self._pair.shadow) != (live, shadow):
            read = partial(self._store.read_comparisons, self._group, self._client.name, live, shadow)
            stored = await self._readiness.until_available("redis", read)
            self._pair = _Pair(live, shadow, stored.get(self._worker, Comparison()))
        return self._pair

    async def _ask(self, batch: Sequence[_Answered], shadow: AskedVersion) -> Comparison:
        try:
            async with self._client.server.gate.together():
                answer = await self._client.infer(
                    stack_inputs([answered.inputs for answered in batch]), [_OUTPUT], shadow.number
                )
        except BraidError as error:
            log.warning("shadow_failed", version=shadow.number, windows=len(batch), reason=str(error))
            SHADOW_ANSWERS.labels("failed").inc(len(batch))
            return Comparison(failed=len(batch))
        total = Comparison()
        for answered, probabilities in zip(batch, answer.outputs[_OUTPUT], strict=True):
            total = total.plus(self._difference(answered, probabilities, shadow.thresholds))
        return total

    def _difference(
        self, answered: _Answered, probabilities: npt.NDArray[np.float32], thresholds: Mapping[str, float]
    ) -> Comparison:
        live = answered.answer.probabilities
        if probabilities.shape != live.shape or not np.isfinite(probabilities).all():
            SHADOW_ANSWERS.labels("failed").inc()
            return Comparison(failed=1)
        differences = np.abs(probabilities.astype(np.float64) - live)
        by_live, by_shadow = (dict(zip(self._classes, row.tolist(), strict=True)) for row in (live, probabilities))
        live_event = event_of(by_live, answered.answer.thresholds)
        shadow_event = event_of(by_shadow, thresholds)
        is_other = live_event != shadow_event
        SHADOW_ANSWERS.labels("other_event" if is_other else "same_event").inc()
        told = [name for name in (live_event, shadow_event) if name is not None]
        name = max(told if is_other else self._classes, key=lambda each: abs(by_live[each] - by_shadow[each]))
        window = DifferingWindow(
            window_id=answered.window_id,
            event_class=name,
            live_probability=round(by_live[name], _DIGITS),
            shadow_probability=round(by_shadow[name], _DIGITS),
            live_event=live_event,
            shadow_event=shadow_event,
        )
        return Comparison(
            answers=1,
            other_event=int(is_other),
            difference_sum=float(differences.mean()),
            difference_max=float(differences.max()),
            most_different=answered.window_id if differences.max() > 0 else "",
            differing=(window,) if is_other or window.live_probability != window.shadow_probability else (),
        )
