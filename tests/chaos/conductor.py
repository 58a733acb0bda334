"""Does the deeds of a schedule to the stack and the workers, each at its time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from streams.local.logs import tail
from streams.local.process import Child
from streams.settings import Settings
from tests.chaos.fleet import Fleet, braid
from tests.chaos.reading import detections_in, read_all
from tests.chaos.schedule import Action, Deed
from tests.chaos.stack import ChaosStack

__all__ = ["Conductor"]

_NOTICE_S = 30.0
_STAYS_S = 2.0
_INIT_S = 60.0
_READY_S = 60.0
_POLL_S = 0.1


class Conductor:
    """Hurts one scenario's workers and the stack's servers.

    Attributes:
        faults: promises that were broken while it did so.
        told_before_loss: ids that had been told as final before the store was lost.
        lost_bytes: how much of Redis's file was cut off.
    """

    def __init__(self, stack: ChaosStack, fleet: Fleet, settings: Settings, home: Path) -> None:
        self.faults: list[str] = []
        self.told_before_loss: set[str] = set()
        self.lost_bytes = 0
        self._stack = stack
        self._fleet = fleet
        self._settings = settings
        self._home = home

    async def perform(self, actions: Sequence[Action], begin_s: float) -> None:
        """Do all deeds; they may overlap.

        Args:
            begin_s: the event loop's time of the scenario's begin.
        """
        async with asyncio.TaskGroup() as group:
            for action in actions:
                group.create_task(self._at(action, begin_s))

    async def _at(self, action: Action, begin_s: float) -> None:
        await asyncio.sleep(max(0.0, begin_s + action.at_s - asyncio.get_running_loop().time()))
        deeds: dict[Deed, Callable[[Action], Awaitable[None]]] = {
            Deed.KILL_WORKER: self._kill_worker,
            Deed.TERM_WORKER: lambda action: self._fleet.terminate(action.worker),
            Deed.FREEZE_WORKER: lambda action: self._fleet.freeze(action.worker, action.lasts_s),
            Deed.ADD_WORKER: self._add_worker,
            Deed.RESTART_BROKER: self._restart_broker,
            Deed.KILL_BROKER: self._restart_broker,
            Deed.RESTART_REDIS: self._restart_redis,
            Deed.CUT_REDIS: self._cut_redis,
            Deed.EMPTY_REDIS: self._empty_redis,
            Deed.KILL_TRITON: self._kill_triton,
            Deed.SLOW_TRITON: self._slow_triton,
        }
        await deeds[action.deed](action)

    async def _kill_worker(self, action: Action) -> None:
        self._fleet.kill(action.worker)

    async def _add_worker(self, _action: Action) -> None:
        self._fleet.add()

    async def _restart_broker(self, action: Action) -> None:
        if action.deed is Deed.KILL_BROKER:
            await self._stack.kafka.kill()
        else:
            await self._stack.kafka.stop()
        await asyncio.sleep(action.lasts_s)
        await self._stack.kafka.start()

    async def _restart_redis(self, action: Action) -> None:
        await self._stack.redis.kill()
        await asyncio.sleep(action.lasts_s)
        await self._stack.redis.start()

    async def _cut_redis(self, action: Action) -> None:
        await self._stack.redis.kill()
        self.lost_bytes += self._stack.redis_file.cut_back(action.back_s)
        await asyncio.sleep(action.lasts_s)
        await self._stack.redis.start()

    async def _empty_redis(self, action: Action) -> None:
        await self._stack.redis.kill()
        self.told_before_loss |= await self._told_as_final()
        self._stack.redis_file.remove()
        await self._stack.redis.start()
        await self._workers_say_that_the_store_is_missing()
        log = self._home / "store-init.log"
        command = braid("store", "init", "--from", action.init_from, "--config", str(self._fleet.config))
        child = await Child.spawn(command, log)
        try:
            code = await child.wait(_INIT_S)
        finally:
            await child.kill()
        if code != 0:
            self.faults.append(f"`braid store init --from {action.init_from}` ended with {code}: {tail(log)}")
        if not await self._fleet.until_ready(_READY_S):
            self.faults.append(
                f"workers are not ready {_READY_S:g} s after `braid store init`: {await self._fleet.missing()}"
            )

    async def _kill_triton(self, action: Action) -> None:
        await self._stack.triton.kill()
        await asyncio.sleep(action.lasts_s)
        await self._stack.start_triton()

    async def _slow_triton(self, action: Action) -> None:
        self._stack.models.set_call_s(action.call_s)
        try:
            await asyncio.sleep(action.lasts_s)
        finally:
            self._stack.models.set_call_s(0.0)

    async def _told_as_final(self) -> set[str]:
        """Nothing becomes final while Redis is away, so this is all that had been."""
        kafka = self._settings.kafka
        told = await read_all(kafka.brokers or "", kafka.topics.detections, kafka.partitions)
        detections = detections_in(told)
        return {detection.id for detection in detections if detection.final}

    async def _workers_say_that_the_store_is_missing(self) -> None:
        """Every worker says so, and goes on saying so: an empty store must never be taken for a new one."""
        missing: dict[str, dict[str, str] | None] = {}
        noticed = False
        try:
            async with asyncio.timeout(_NOTICE_S):
                while not noticed:
                    missing = await self._fleet.missing()
                    noticed = all(reasons and "store" in reasons for reasons in missing.values())
                    await asyncio.sleep(_POLL_S)
            async with asyncio.timeout(_STAYS_S):
                while all(reasons != {} for reasons in missing.values()):  # one that restarts is not ready either
                    await asyncio.sleep(_POLL_S)
                    missing = await self._fleet.missing()
        except TimeoutError:
            if noticed:
                return
        self.faults.append(
            f"workers do not stay not-ready for want of their store after Redis lost everything: {missing}; whatever "
            "they do now, what they had stored is gone and nobody is told"
        )
