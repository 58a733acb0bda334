"""Plays one scenario from its first record to its verdict."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from processors.modality import Modality
from streams.settings import Settings
from streams.store import Store
from streams.topics import ensure_topics
from tests.chaos.conductor import Conductor
from tests.chaos.fleet import Fleet
from tests.chaos.folding import find_other_statistics
from tests.chaos.footing import find_lost_footing
from tests.chaos.foreign import missing_clients
from tests.chaos.oracle import Expected, expect
from tests.chaos.producers import plan_records
from tests.chaos.reading import Held, detections_in, lag_of_group, read_all
from tests.chaos.schedule import Scenario
from tests.chaos.sending import send
from tests.chaos.sent import Sent
from tests.chaos.stack import ChaosStack
from tests.chaos.verify import Seen, origin_of_letter, verify

__all__ = ["Figures", "Outcome", "play"]

_READY_S = 60.0
_RECOVERED_S = 20.0
_LEAD_S = 1.0
_POLL_S = 0.3
_ALL = 1_000_000


@dataclass
class Figures:
    """What happened, in numbers.

    Attributes:
        kills: workers that were killed.
        terms: workers that were told to end.
        freezes: workers that were frozen.
        own_exits: workers that ended by themselves.
        repeats_told: records on the detections topic that a listener drops.
        repeats_letters: dead letters beyond the first of their record.
        duplicates_buried: second copies that were judged late when they were read again.
        drain_s: from the last record, or deed, until all was final, told and committed.
        took_s: the scenario as a whole.
    """

    records: int = 0
    windows: int = 0
    poison: int = 0
    late: int = 0
    duplicates: int = 0
    kills: int = 0
    terms: int = 0
    freezes: int = 0
    own_exits: int = 0
    told: int = 0
    repeats_told: int = 0
    repeats_letters: int = 0
    duplicates_buried: int = 0
    drain_s: float = 0.0
    took_s: float = 0.0


@dataclass
class Outcome:
    """The verdict on one scenario: it holds if there are no faults.

    Attributes:
        notes: what was not played as planned, for want of a program.
    """

    scenario: Scenario
    figures: Figures
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    logs: str = ""

    def as_json(self) -> dict[str, object]:
        """For the result file."""
        told = {"name": self.scenario.name, "seed": self.scenario.seed, "faults": self.faults, "notes": self.notes}
        return told | asdict(self.figures)


async def play(scenario: Scenario, stack: ChaosStack, say: Callable[[str], None]) -> Outcome:
    """Play a scenario on a stack, which it leaves running.

    Args:
        say: told what happens, a line each.
    """
    begun_s = time.monotonic()
    name = f"{scenario.name}-{time.time_ns() // 10**6}"
    await stack.mend()
    settings = stack.settings(name)
    await ensure_topics(settings)
    fleet = Fleet(settings, stack.home / name, stack.ports)
    outcome = Outcome(scenario, Figures(), notes=missing_clients(scenario))
    for note in outcome.notes:
        say(f"{scenario.name}: {note}")
    try:
        sent, conductor = await _play(scenario, stack, settings, fleet)
        outcome.faults += conductor.faults
        say(f"{scenario.name}: {len(sent)} records sent, waiting until all is final")
        drain_from_s = time.monotonic()
        expected = expect(await _read_media(settings), settings.windows)
        outcome.faults += find_lost_footing(sent, expected, settings.kafka.partitions)
        await _until_done(settings, expected, scenario.deadline_s)
        outcome.figures.drain_s = round(time.monotonic() - drain_from_s, 1)
        lags = await _lags(settings)
        outcome.faults += await _not_recovered(stack, fleet)
        await fleet.end()
        seen = await _look(settings, expected, lags, conductor)
    finally:
        await fleet.end()
    outcome.faults += verify(expected, seen, past_may_be_absent=scenario.past_may_be_absent)
    outcome.faults += await find_other_statistics(settings, seen)
    outcome.faults += [
        f"{end.worker} did not end by itself within the time allowed after SIGTERM: exit code {end.code}"
        for end in fleet.exits
        if end.cause in ("term", "end") and end.code != 0
    ]
    _count(outcome.figures, fleet, expected, seen)
    outcome.figures.took_s = round(time.monotonic() - begun_s, 1)
    own = [
        f"{end.worker} ended by itself with {end.code}:\n{end.last_words}" for end in fleet.exits if end.cause == "own"
    ]
    outcome.logs = "\n".join([*own, fleet.logs()])
    return outcome


async def _play(scenario: Scenario, stack: ChaosStack, settings: Settings, fleet: Fleet) -> tuple[Sent, Conductor]:
    """Everything that happens, until all is sent and done."""
    topics, brokers = settings.kafka.topics, settings.kafka.brokers or ""
    conductor = Conductor(stack, fleet, settings, fleet.config.parent)
    epoch_s = int(time.time()) - int(scenario.backlog_s)
    if scenario.backlog_s:
        planned = plan_records(scenario, settings.kafka.group, epoch_s * 1000)
        sent = await send(planned, brokers, topics, in_real_time=False)
    for _ in range(scenario.workers):
        fleet.add()
    if not await fleet.until_ready(_READY_S):
        raise RuntimeError(f"the workers are not ready after {_READY_S:g} s: {await fleet.missing()}\n{fleet.logs()}")
    begin_s = asyncio.get_running_loop().time()
    if scenario.backlog_s:
        await conductor.perform(scenario.actions, begin_s)
        return sent, conductor
    epoch_s = int(time.time() + _LEAD_S)
    begin_s += epoch_s - time.time()
    planned = plan_records(scenario, settings.kafka.group, epoch_s * 1000)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send(planned, brokers, topics, in_real_time=True))
        group.create_task(conductor.perform(scenario.actions, begin_s))
    return sending.result(), conductor


async def _not_recovered(stack: ChaosStack, fleet: Fleet) -> list[str]:
    faults = [f"{server} ended although nobody had killed it" for server in stack.absent_servers]
    if not await fleet.until_ready(_RECOVERED_S):
        faults.append(
            f"workers are not ready {_RECOVERED_S:g} s after all was over, or restart for ever: {await fleet.missing()}"
        )
    return faults


async def _until_done(settings: Settings, expected: Expected, deadline_s: float) -> None:
    """Wait until all is final, committed and buried, or until the deadline; what is wrong then, `verify` tells."""
    due_letters = expected.late | expected.poison.keys()
    async with Store.connect(settings, lambda: time.time_ns() // 10**6) as store:
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    ends = await store.final_through_ms(list(expected.source_ends))
                    is_final = all(ends.get(source, 0) >= end for source, end in expected.source_ends.items())
                    if is_final and not await _lags(settings) and not await _unlearned(store, expected):
                        buried = {origin_of_letter(letter) for letter in await _read(settings, "dead_letters")}
                        if buried >= due_letters:
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            return


async def _unlearned(store: Store, expected: Expected) -> bool:
    """Whether some final window is still to be learned, or what was learned is not stored."""
    through_ms = await store.baselines.through_ms(list(expected.source_ends))
    return bool(await store.baselines.pending(through_ms, 1))


async def _look(settings: Settings, expected: Expected, lags: dict, conductor: Conductor) -> Seen:
    async with Store.connect(settings, lambda: time.time_ns() // 10**6) as store:
        group = settings.kafka.group
        sources = {source for source in await store.sources() if source.startswith(f"{group}-")}
        sources |= expected.source_ends.keys()
        stored = [await store.list_detections(source, limit=_ALL) for source in sorted(sources)]
        learned = {source: found.about for source in sources if (found := await store.baselines.read(source))}
    told = detections_in(await _read(settings, "detections"))
    return Seen(
        stored={detection.id: detection for detections in stored for detection in detections},
        told=told,
        letters=await _read(settings, "dead_letters"),
        lags=lags,
        told_before_loss=conductor.told_before_loss,
        learned=learned,
    )


def _count(figures: Figures, fleet: Fleet, expected: Expected, seen: Seen) -> None:
    origins = [origin_of_letter(letter) for letter in seen.letters]
    figures.records = len(expected.records)
    figures.windows = len(expected.windows)
    figures.poison = len(expected.poison)
    figures.late = len(expected.late)
    figures.duplicates = len(expected.duplicates)
    figures.kills, figures.terms, figures.freezes = (fleet.deeds[name] for name in ("SIGKILL", "SIGTERM", "SIGSTOP"))
    figures.own_exits = sum(end.cause == "own" for end in fleet.exits)
    figures.told = len(seen.told)
    figures.repeats_told = len(seen.told) - len({(entry.id, entry.digest, entry.final) for entry in seen.told})
    figures.repeats_letters = len(origins) - len(set(origins))
    figures.duplicates_buried = len(set(origins) & expected.duplicates)


async def _read_media(settings: Settings) -> list[Held]:
    return [record for modality in Modality for record in await _read(settings, modality.value)]


async def _read(settings: Settings, topic: str) -> list[Held]:
    kafka = settings.kafka
    return await read_all(kafka.brokers or "", getattr(kafka.topics, topic), kafka.partitions)


async def _lags(settings: Settings) -> dict:
    kafka = settings.kafka
    media = [kafka.topics.of(modality) for modality in Modality]
    return await lag_of_group(kafka.brokers or "", kafka.group, media, kafka.partitions)
