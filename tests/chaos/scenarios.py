"""The scenarios, short for `make test` and long for `make chaos`; random moments come from the seed."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from processors.modality import Modality
from tests.chaos.schedule import Action, Deed, Faults, Jump, Scenario, SourcePlan

__all__ = ["LEAST_KILLS", "NAMES", "PLAYED", "long_form", "short_form", "what_happens"]

_FAULTY = Faults(poison=0.02, late=0.12, duplicate=0.03)  # of so few items, at least some
_CLEAN = Faults(0.0, 0.0, 0.0)
LEAST_KILLS = 200
_KILLS_SPARE = 1.05  # some find no worker: it is being started again
_SECONDS = {"sigterm": 24, "sigstop": 24, "broker": 80, "foreign": 24}
_KILL_EVERY_S = 7.0
_STORM_WORKERS = 4


def short_form(names: str, seed: int) -> Scenario:
    """A scenario of some ten seconds.

    Args:
        names: of one scenario; or of several in which nothing is done to a process, with a dot between them: the
            sources of all send at the same time.
        seed: of every random choice.
    """
    return _as_one(names, [_SCENARIOS[name](seed, 10) for name in names.split(".")])


def long_form(names: str, seed: int, kills: int = LEAST_KILLS) -> Scenario:
    """The same with more load, the usual share of faults, and the whole measure of what is done to processes.

    Args:
        names: as of the short form.
        seed: of every random choice.
        kills: how many workers are killed in the scenario `sigkill`; some more are planned.
    """
    if names == "sigkill":
        scenario = _storm(seed, kills)
    else:
        scenario = _as_one(names, [_SCENARIOS[name](seed, _SECONDS.get(name, 14)) for name in names.split(".")])
    if names == "broker":
        actions = (Action(3.0, Deed.RESTART_BROKER), Action(12.0, Deed.KILL_BROKER, lasts_s=60.0))
        scenario = replace(scenario, actions=actions)
    usual = tuple(replace(plan, faults=Faults()) if plan.faults == _FAULTY else plan for plan in scenario.sources)
    return replace(scenario, sources=usual)


def what_happens(name: str) -> str:
    """One sentence about a scenario."""
    return _SCENARIOS[name].__doc__ or ""


def _as_one(names: str, parts: Sequence[Scenario]) -> Scenario:
    if len(parts) == 1:
        return parts[0]
    alike = Scenario("", parts[0].seed, ())
    if any(replace(part, name="", sources=()) != alike for part in parts):
        raise ValueError(f"{names}: something besides what their sources send sets these scenarios apart")
    sources = {plan.name: plan for part in parts for plan in part.sources}
    return replace(alike, name=names, sources=tuple(sources.values()))


def _sources(count: int, seconds: int, faults: Faults = _FAULTY) -> tuple[SourcePlan, ...]:
    return tuple(SourcePlan(f"s{number}", seconds=seconds, faults=faults) for number in range(count))


def _storm(seed: int, kills: int) -> Scenario:
    """Bursts of kills, so close that some hit a worker that starts or a group in the middle of a rebalance."""
    rng = random.Random(f"storm/{seed}")
    actions: list[Action] = []
    at_s = 4.0
    while len(actions) < _KILLS_SPARE * kills:
        hit = rng.sample(range(_STORM_WORKERS), rng.choice((2, 3, 3, 4)))
        actions += [Action(round(at_s + rng.uniform(0.0, 1.5), 2), Deed.KILL_WORKER, worker) for worker in hit]
        at_s += rng.uniform(0.8 * _KILL_EVERY_S, 1.2 * _KILL_EVERY_S)
    seconds = int(at_s)
    sources = _sources(6, seconds)
    ordered = tuple(sorted(actions, key=lambda action: action.at_s))
    return Scenario("sigkill", seed, sources, ordered, workers=_STORM_WORKERS, deadline_s=90.0)


def _sigkill(seed: int, seconds: int) -> Scenario:
    """Workers are killed at random moments, also while they start and while the group is rebalanced."""
    rng = random.Random(f"sigkill/{seed}")
    actions = tuple(Action(round(rng.uniform(1.5, seconds), 2), Deed.KILL_WORKER, rng.randrange(2)) for _ in range(3))
    return Scenario("sigkill", seed, _sources(6, seconds), actions)


def _sigterm(seed: int, seconds: int) -> Scenario:
    """Workers are told to end at random moments; each drains, and exits with 0."""
    rng = random.Random(f"sigterm/{seed}")
    actions = tuple(
        Action(round(rng.uniform(2.0, seconds), 2), Deed.TERM_WORKER, number % 2) for number in range(seconds // 5)
    )
    return Scenario("sigterm", seed, _sources(6, seconds), actions)


def _sigstop(seed: int, seconds: int) -> Scenario:
    """Workers are frozen, some for longer than the session timeout, and wake with their work in other hands."""
    rng = random.Random(f"sigstop/{seed}")
    actions = []
    for begin_s in range(2, seconds - 6, 12):
        at_s = round(begin_s + rng.uniform(0.0, 2.0), 2)
        worker = rng.randrange(2)
        actions.append(Action(at_s, Deed.FREEZE_WORKER, worker, lasts_s=9.0))
        actions.append(Action(round(at_s + rng.uniform(0.2, 1.0), 2), Deed.FREEZE_WORKER, 1 - worker, lasts_s=1.5))
    return Scenario("sigstop", seed, _sources(6, seconds), tuple(actions))


def _join(seed: int, seconds: int) -> Scenario:
    """One more worker joins the group."""
    at_s = round(random.Random(f"join/{seed}").uniform(2.0, seconds / 2), 2)
    return Scenario("join", seed, _sources(6, seconds), (Action(at_s, Deed.ADD_WORKER),))


def _broker(seed: int, seconds: int) -> Scenario:
    """The broker is restarted, and killed and away; sources send what they held back once it is there again."""
    at_s = round(random.Random(f"broker/{seed}").uniform(2.0, 3.0), 2)
    actions = (Action(at_s, Deed.KILL_BROKER, lasts_s=7.0),)
    return Scenario("broker", seed, _sources(6, seconds + 4), actions)


def _redis(seed: int, seconds: int) -> Scenario:
    """Redis is killed and comes back with its file."""
    at_s = round(random.Random(f"redis/{seed}").uniform(3.0, 6.0), 2)
    return Scenario("redis", seed, _sources(6, seconds), (Action(at_s, Deed.RESTART_REDIS, lasts_s=2.0),))


def _redis_cut(seed: int, seconds: int) -> Scenario:
    """Redis is killed and comes back without what was written in the last three seconds."""
    at_s = round(random.Random(f"redis_cut/{seed}").uniform(7.0, 9.0), 2)
    actions = (Action(at_s, Deed.CUT_REDIS, lasts_s=0.5, back_s=3.0),)
    return Scenario("redis_cut", seed, _sources(6, seconds), actions)


def _redis_earliest(seed: int, seconds: int) -> Scenario:
    """Redis comes back empty; `braid store init --from earliest`."""
    at_s = round(random.Random(f"redis_earliest/{seed}").uniform(7.0, 9.0), 2)
    actions = (Action(at_s, Deed.EMPTY_REDIS, init_from="earliest"),)
    return Scenario("redis_earliest", seed, _sources(6, seconds), actions)


def _redis_committed(seed: int, seconds: int) -> Scenario:
    """Redis comes back empty; `braid store init --from committed`."""
    at_s = round(random.Random(f"redis_committed/{seed}").uniform(7.0, 9.0), 2)
    actions = (Action(at_s, Deed.EMPTY_REDIS, init_from="committed"),)
    return Scenario("redis_committed", seed, _sources(6, seconds), actions, past_may_be_absent=True)


def _triton_killed(seed: int, seconds: int) -> Scenario:
    """Triton is killed and comes back."""
    at_s = round(random.Random(f"triton_killed/{seed}").uniform(2.0, 5.0), 2)
    return Scenario("triton_killed", seed, _sources(6, seconds), (Action(at_s, Deed.KILL_TRITON, lasts_s=2.0),))


def _triton_slow(seed: int, seconds: int) -> Scenario:
    """Each call of a model takes two seconds for a while."""
    at_s = round(random.Random(f"triton_slow/{seed}").uniform(2.0, 3.0), 2)
    actions = (Action(at_s, Deed.SLOW_TRITON, lasts_s=6.0, call_s=2.0),)
    return Scenario("triton_slow", seed, _sources(6, seconds), actions)


def _triton_refuses(seed: int, seconds: int) -> Scenario:
    """The models refuse some items of one source, again and again; its neighbours share batches with it."""
    refused = SourcePlan("refused", seconds=seconds, faults=_CLEAN, condemned=3)
    return Scenario("triton_refuses", seed, (*_sources(5, seconds), refused))


def _clock_jumps(seed: int, seconds: int) -> Scenario:
    """The clocks of two producers leap ahead and back."""
    rng = random.Random(f"clock_jumps/{seed}")
    jumps = (
        Jump(round(rng.uniform(1.0, 3.0), 2), 2.0, 5_000),
        Jump(round(rng.uniform(6.0, 7.0), 2), 2.0, -7_000),
    )
    jumping = tuple(SourcePlan(f"jumping{k}", seconds=seconds, faults=_CLEAN, jumps=jumps) for k in range(2))
    return Scenario("clock_jumps", seed, (*_sources(4, seconds), *jumping))


def _transactions(seed: int, seconds: int) -> Scenario:
    """Three sources send in Kafka transactions, of which some are aborted."""
    sending = tuple(SourcePlan(f"transactional{k}", seconds=seconds, is_transactional=True) for k in range(3))
    return Scenario("transactions", seed, (*_sources(3, seconds), *sending))


def _no_microphone(seed: int, seconds: int) -> Scenario:
    """An old backlog in which one source has no sound: being behind is not silence, nor silence being behind."""
    mute = SourcePlan("mute", seconds=4 * seconds, modalities=(Modality.VIDEO, Modality.TRANSCRIPT))
    return Scenario("no_microphone", seed, (*_sources(5, 4 * seconds), mute), backlog_s=600.0)


def _vanishes(seed: int, seconds: int) -> Scenario:
    """A source ends in the middle, without a word."""
    begins_s = round(random.Random(f"vanishes/{seed}").uniform(0.0, 1.0), 2)
    gone = SourcePlan("gone", begins_s, seconds=4, faults=_CLEAN, vanishes=True)
    return Scenario("vanishes", seed, (*_sources(5, seconds), gone))


def _foreign(seed: int, seconds: int) -> Scenario:
    """Producers that are not ours, librdkafka and `kcat`, some without CloudEvents headers; workers are killed."""
    rng = random.Random(f"foreign/{seed}")
    kills = tuple(
        Action(round(rng.uniform(1.5, seconds), 2), Deed.KILL_WORKER, number % 2) for number in range(seconds // 3)
    )
    theirs = (
        SourcePlan("librdkafka", seconds=seconds, faults=_FAULTY, client="librdkafka"),
        SourcePlan("bare", seconds=seconds, faults=_FAULTY, client="librdkafka", is_bare=True),
        SourcePlan("kcat", seconds=seconds, faults=_FAULTY, client="kcat", is_bare=True),
    )
    return Scenario("foreign", seed, (*_sources(3, seconds), *theirs), kills)


_SCENARIOS: Mapping[str, Callable[[int, int], Scenario]] = {
    "sigkill": _sigkill,
    "sigterm": _sigterm,
    "sigstop": _sigstop,
    "join": _join,
    "broker": _broker,
    "redis": _redis,
    "redis_cut": _redis_cut,
    "redis_earliest": _redis_earliest,
    "redis_committed": _redis_committed,
    "triton_killed": _triton_killed,
    "triton_slow": _triton_slow,
    "triton_refuses": _triton_refuses,
    "clock_jumps": _clock_jumps,
    "transactions": _transactions,
    "no_microphone": _no_microphone,
    "vanishes": _vanishes,
    "foreign": _foreign,
}
NAMES = tuple(_SCENARIOS)
_OF_SOURCES = ("triton_refuses", "clock_jumps", "transactions", "vanishes")
PLAYED = (*(name for name in NAMES if name not in _OF_SOURCES), ".".join(_OF_SOURCES))
"""Every scenario once: those that differ in what sources send are played as one, since each source is judged alone."""
