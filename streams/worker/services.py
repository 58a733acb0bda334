"""What the work of every partition shares: encoders, fusion, the store and the outbox, each in micro-batches."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import FUSION
from streams.align import AlignSettings, EarlierWindows, Role, Window
from streams.errors import PoisonItem
from streams.inference import Line, MicroBatcher, ModelClient, Trial
from streams.records import Detection, Item
from streams.settings import Settings
from streams.store import AgreedWindows, Answer, Fence, Finalise, MoveStatus, Position, Put, Store
from streams.worker.answer import FusionAnswer, FusionInputs, fusion_inputs, stack_inputs
from streams.worker.encoders import Encoded, ItemEncoders
from streams.worker.fusion_versions import AskedVersion
from streams.worker.joining import PartitionJoiner
from streams.worker.judging import WindowJudge
from streams.worker.learning import Learner
from streams.worker.liveness import Liveness
from streams.worker.outbox import Outbox
from streams.worker.overload import Shedder
from streams.worker.readiness import Readiness

__all__ = ["Fuser", "Services", "StoreWriter", "align_settings", "encoding_turns"]

_WRITES_PER_ROUND_TRIP = 64  # bounds one pipelined request to about a megabyte of detections
_WRITES_WAITING = 4_096
_TURNS_PER_REQUEST = 2  # one batch under way, the next one decoded
_OUTPUTS = tuple(tensor.name for tensor in FUSION.outputs)


class Fuser:
    """The fusion model behind a micro-batcher: one batch over all sources whose windows closed; owns its channel.

    A window's request names the version that is live as it is sent, so that one version answers all of it; the answer
    carries the thresholds of that version.
    """

    def __init__(
        self,
        client: ModelClient,
        served: ServedFacts,
        settings: Settings,
        readiness: Readiness,
        live_version: Callable[[], AskedVersion],
        beside: Callable[[str, FusionInputs, FusionAnswer], None] | None = None,
    ) -> None:
        """Put `client` behind a batcher.

        Args:
            client: of the fusion model.
            served: what it takes.
            settings: with the bounds of `triton`.
            readiness: told when Triton is away.
            live_version: the version that answers, at this moment.
            beside: hears of each answer, with the window's id and what the model was given.
        """
        self.client = client
        self._tensors = served.items
        self._live_version = live_version
        self._beside = beside
        good: FusionInputs = {name: batch[0] for name, batch in client.spec.sample().items()}
        trial: Trial[FusionInputs, FusionAnswer] = Trial(
            Line(
                model=client.name,
                stage="fuse",
                ask=self._ask,
                good=good,
                full_batch=client.spec.max_batch_size,
                until_available=partial(readiness.until_available, "triton"),
                reload=client.reload,
                gate=client.server.gate,
            )
        )
        bounds = settings.triton
        max_batch = min(bounds.max_batch, client.spec.max_batch_size)
        # A raw window is more than a megabyte: no more of them are laid out than the batcher takes.
        self._turns = asyncio.Semaphore(max_batch * bounds.max_in_flight)
        self._batcher: MicroBatcher[FusionInputs, FusionAnswer] = MicroBatcher(
            trial.answer,
            max_batch=max_batch,
            max_in_flight=bounds.max_in_flight,
            capacity=max_batch * bounds.max_in_flight,
        )

    async def fuse(self, window: Window[Item], items: Sequence[Encoded]) -> FusionAnswer:
        """Ask for one window.

        Raises:
            PoisonItem: the model refuses this window (`fuse.refused`), fails on it, also when it is asked for it alone
                (`fuse.failed`; see `Trial` for what that takes), or its answer is not finite (`fuse.not_finite`).
        """
        async with self._turns:
            inputs = fusion_inputs(window, items, self._tensors)
            answer = await self._batcher.submit(inputs)
        outputs = (answer.probabilities, answer.contributions, answer.embedding)
        if not all(np.isfinite(output).all() for output in outputs):
            raise PoisonItem(
                f"model {self.client.name} answered window {window.id} with numbers that are not finite",
                code="fuse.not_finite",
                stage="fuse",
            )
        if self._beside is not None:
            self._beside(window.id, inputs, answer)
        return answer

    async def close(self) -> None:
        """End what is under way and close the channel."""
        await self._batcher.close()
        await self.client.close()

    async def _ask(self, windows: Sequence[FusionInputs]) -> Sequence[FusionAnswer]:
        asked = self._live_version()
        answer = await self.client.infer(stack_inputs(windows), _OUTPUTS, asked.number)
        return [
            FusionAnswer(probabilities, contributions, embedding, answer.model_version, asked.thresholds)
            for probabilities, contributions, embedding in zip(
                *(answer.outputs[name] for name in _OUTPUTS), strict=True
            )
        ]


class StoreWriter:
    """Puts and finalises, many in one round trip."""

    def __init__(self, store: Store, readiness: Readiness) -> None:
        """Write to `store`; `readiness` is told when it is away."""
        self._store = store
        self._readiness = readiness
        bounds: dict[str, Any] = {
            "max_batch": _WRITES_PER_ROUND_TRIP,
            "max_in_flight": 1,  # keeps the writes of one window in order
            "capacity": _WRITES_WAITING,
        }
        self._puts: MicroBatcher[Put, Answer] = MicroBatcher(self._put_batch, **bounds)
        self._finalises: MicroBatcher[Finalise, Answer] = MicroBatcher(self._finalise_batch, **bounds)

    async def put(self, put: Put) -> Answer:
        """Store one revision; waits for as long as the store is away."""
        return await self._puts.submit(put)

    async def finalise(self, finalise: Finalise) -> Answer:
        """Make a stored answer final; waits for as long as the store is away."""
        return await self._finalises.submit(finalise)

    async def move_position(
        self, fence: Fence, expected: Mapping[str, int] | None, new: Position, forgotten: Sequence[str]
    ) -> MoveStatus:
        """Move a partition number's position by compare-and-set; waits for as long as the store is away."""
        move = partial(self._store.move_position, fence, expected, new, forgotten=forgotten)
        return await self._readiness.until_available("redis", move)

    async def is_in_force(self, fence: Fence) -> bool:
        """Whether the store still holds all that it acknowledged; waits for as long as the store is away."""
        [in_force] = await self._readiness.until_available("redis", partial(self._store.is_in_force, [fence]))
        return in_force

    async def final_through_ms(self, source_ids: Sequence[str]) -> dict[str, int]:
        """Source id -> end of its last final window; waits for as long as the store is away."""
        return await self._readiness.until_available("redis", partial(self._store.final_through_ms, source_ids))

    async def get(self, window_id: str) -> Detection | None:
        """A stored answer; waits for as long as the store is away."""
        return await self._readiness.until_available("redis", partial(self._store.get, window_id))

    async def get_many(self, window_ids: Sequence[str]) -> list[Detection]:
        """Those answers that are stored; waits for as long as the store is away."""
        return await self._readiness.until_available("redis", partial(self._store.get_many, window_ids))

    async def close(self) -> None:
        """End what is under way."""
        await self._puts.close()
        await self._finalises.close()

    async def _put_batch(self, puts: Sequence[Put]) -> Sequence[Answer]:
        return await self._readiness.until_available("redis", partial(self._store.put_many, puts))

    async def _finalise_batch(self, finalises: Sequence[Finalise]) -> Sequence[Answer]:
        return await self._readiness.until_available("redis", partial(self._store.finalise_many, finalises))


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a partition's work calls.

    Attributes:
        settings: in force.
        windows: that the group has agreed on, with those before them.
        encoders: items to content.
        fuser: windows to answers.
        writer: answers to the store.
        outbox: detections and dead letters to Kafka.
        joiner: takes partition numbers over.
        readiness: what is missing.
        liveness: told of every sign of life.
        shedder: what is left out under overload.
        judge: says how unusual a window is for its source.
        learner: of what is normal for each source.
        encoding_turns: by modality, how many items may be decoded or encoded at a time; decoded frames are large.
        served: what the models answer.
        wall_ms: the wall clock, epoch milliseconds.
        monotonic_ms: a clock that never jumps.
    """

    settings: Settings
    windows: AgreedWindows
    encoders: ItemEncoders
    fuser: Fuser
    writer: StoreWriter
    outbox: Outbox
    joiner: PartitionJoiner
    readiness: Readiness
    liveness: Liveness
    shedder: Shedder
    judge: WindowJudge
    learner: Learner
    encoding_turns: Mapping[Modality, asyncio.Semaphore]
    served: ServedFacts
    wall_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]


def align_settings(settings: Settings, windows: AgreedWindows, source_id: str) -> AlignSettings:
    """The event-time settings in force for a source, and its windows before, in the aligner's terms."""
    view = settings.for_source(source_id)
    return AlignSettings(
        size_ms=view.windows.size_ms,
        hop_ms=view.windows.hop_ms,
        out_of_orderness_ms=view.windows.out_of_orderness_ms,
        allowed_lateness_ms=view.windows.allowed_lateness_ms,
        idle_timeout_ms=round(view.windows.idle_timeout_s * 1000),
        max_open_ms=round(view.windows.max_open_s * 1000),
        roles={modality: Role(getattr(view.modalities, modality.value)) for modality in Modality},
        earlier=tuple(
            EarlierWindows(size_ms=cut.size_ms, hop_ms=cut.hop_ms, until_ms=until_ms)
            for until_ms, cut in windows.earlier_of(source_id)
        ),
    )


def encoding_turns(settings: Settings) -> dict[Modality, asyncio.Semaphore]:
    """By modality, turns for the items that are decoded or encoded at a time: enough to keep the models busy."""
    bounds = settings.triton
    count = bounds.max_batch * bounds.max_in_flight * _TURNS_PER_REQUEST
    return {modality: asyncio.Semaphore(count) for modality in Modality}
