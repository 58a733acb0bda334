"""What happens in a scenario, as pure data: sources, faults of their records, and timed deeds against processes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from processors.modality import Modality

__all__ = ["Action", "Client", "Deed", "Faults", "Jump", "Scenario", "SourcePlan", "describe"]

Client = Literal["aiokafka", "librdkafka", "kcat"]
InitFrom = Literal["earliest", "committed"]


class Deed(StrEnum):
    """What is done to a process of the stack."""

    KILL_WORKER = "kill_worker"
    """SIGKILL; it is started again at once."""
    TERM_WORKER = "term_worker"
    """SIGTERM; must end by itself with exit code 0, and is started again."""
    FREEZE_WORKER = "freeze_worker"
    """SIGSTOP, and SIGCONT after `lasts_s`."""
    ADD_WORKER = "add_worker"
    """One more worker joins the group."""
    RESTART_BROKER = "restart_broker"
    """SIGTERM, and a start after `lasts_s`."""
    KILL_BROKER = "kill_broker"
    """SIGKILL, and a start after `lasts_s`."""
    RESTART_REDIS = "restart_redis"
    """SIGKILL, and a start after `lasts_s` with its file."""
    CUT_REDIS = "cut_redis"
    """SIGKILL, and a start with a file that lacks what was written in the last `back_s`."""
    EMPTY_REDIS = "empty_redis"
    """SIGKILL, and a start without its file; once the workers say so, `braid store init --from INIT_FROM`."""
    KILL_TRITON = "kill_triton"
    """SIGKILL, and a start after `lasts_s`."""
    SLOW_TRITON = "slow_triton"
    """Each call takes `call_s`, for `lasts_s`."""


@dataclass(frozen=True)
class Action:
    """One deed.

    Attributes:
        at_s: seconds after the first record.
        worker: number of the worker that it hits; of no meaning for servers.
        lasts_s: how long the process is frozen, away or slow.
        back_s: how much of Redis's file is lost.
        call_s: how long a call of a slow model takes.
        init_from: what the lost store is told to begin with.
    """

    at_s: float
    deed: Deed
    worker: int = 0
    lasts_s: float = 0.0
    back_s: float = 0.0
    call_s: float = 0.0
    init_from: InitFrom = "earliest"


@dataclass(frozen=True)
class Faults:
    """Share of a source's items that are not as they should be."""

    poison: float = 0.01
    late: float = 0.05
    duplicate: float = 0.01


@dataclass(frozen=True)
class Jump:
    """A producer's clock that is wrong by `by_ms` in `[at_s, at_s + lasts_s)`."""

    at_s: float
    lasts_s: float
    by_ms: int


@dataclass(frozen=True)
class SourcePlan:
    """What one source sends.

    Attributes:
        name: of the source, inside the scenario.
        begins_s: when, after the scenario's begin.
        seconds: how long.
        frames_per_s: frame rate; sound comes in chunks of one second, words now and then.
        modalities: those that it has; of the others nothing ever comes, not even a heartbeat.
        faults: of its items.
        jumps: of its clock.
        condemned: how many frames and how many segments are such that the model refuses them, again and again.
        is_transactional: whether it sends in Kafka transactions, of which some are aborted.
        vanishes: whether it ends without a word instead of with heartbeats that seal all that it sent.
        client: that sends its records; `kcat` its frames, a process each, and librdkafka the rest.
        is_bare: whether its records are without CloudEvents headers.
    """

    name: str
    begins_s: float = 0.0
    seconds: int = 10
    frames_per_s: int = 4
    modalities: tuple[Modality, ...] = tuple(Modality)
    faults: Faults = Faults()
    jumps: tuple[Jump, ...] = ()
    condemned: int = 0
    is_transactional: bool = False
    vanishes: bool = False
    client: Client = "aiokafka"
    is_bare: bool = False


@dataclass(frozen=True)
class Scenario:
    """Everything that happens.

    Attributes:
        seed: of every random choice in what is sent.
        workers: how many are there from the beginning.
        backlog_s: how long ago everything was sent, all before the first worker starts; 0 sends in real time.
        deadline_s: how long after the last record, or the last deed, everything must be final, told and committed.
        past_may_be_absent: whether what had been told as final before the store was lost need not be stored again.
    """

    name: str
    seed: int
    sources: tuple[SourcePlan, ...]
    actions: tuple[Action, ...] = ()
    workers: int = 2
    backlog_s: float = 0.0
    deadline_s: float = 60.0
    past_may_be_absent: bool = False


def describe(scenario: Scenario) -> str:
    """The seed and the schedule, for people who want to see it happen again."""
    lines = [f"scenario {scenario.name}, seed {scenario.seed}, {scenario.workers} workers"]
    if scenario.backlog_s:
        lines.append(f"  everything was sent {scenario.backlog_s:g} s before the first worker starts")
    lines += [f"  source {_differences(source)}" for source in scenario.sources]
    lines += [f"  {action.at_s:7.2f} s  {_differences(action)}" for action in sorted(scenario.actions, key=_when)]
    return "\n".join(lines)


def _when(action: Action) -> float:
    return action.at_s


def _differences(entry: SourcePlan | Action) -> str:
    """The fields that are not as by default."""
    kind = type(entry)
    default = kind(name="") if isinstance(entry, SourcePlan) else Action(0.0, Deed.ADD_WORKER)
    told = []
    for name in kind.__dataclass_fields__:
        value = getattr(entry, name)
        if name in ("name", "deed"):
            told.insert(0, str(value))
        elif name != "at_s" and value != getattr(default, name):
            told.append(f"{name}={', '.join(value) if name == 'modalities' else value}")
    return " ".join(told)
