"""Finds the row that makes a batch fail: each is tried alone between two known-good samples."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import structlog

from streams.errors import ContractBroken, DependencyUnavailable, ModelFailed, PoisonItem
from streams.inference.breaker import UNSENT
from streams.inference.metrics import TRIALS
from streams.inference.server import TrialGate

__all__ = ["TIMED_OUT", "Line", "Trial", "UntilAvailable"]

T = TypeVar("T")
R = TypeVar("R")
V = TypeVar("V")

TIMED_OUT = "triton.timeout"
"""Code of the error for an answer that did not come in time."""

_WHOLE_TRIES = 2
_CONDEMNED_AT = 4
_STRONG = 2  # two of these condemn
_WEAK = 1
_FULL_TRIES = 3
_REASON_CHARACTERS = 500

log = structlog.get_logger(__name__)


class UntilAvailable(Protocol):
    """Makes a call again and again, with growing jittered pauses, until it raises no `DependencyUnavailable`."""

    async def __call__(self, call: Callable[[], Awaitable[V]]) -> V:
        """Answer what `call` answers in the end."""


@dataclass(frozen=True)
class Line(Generic[T, R]):
    """The way to one model.

    Attributes:
        model: its name, for people.
        stage: what the rows are there for.
        ask: one answer per row, in order; raises `ModelFailed`, another `DependencyUnavailable` (codes `TIMED_OUT` and
            `UNSENT` are told apart), or `PoisonItem` if the server refuses the batch.
        good: the known-good row.
        full_batch: rows of the largest batch that the server makes.
        until_available: waits for the server.
        reload: asks the server to load the model again; raises nothing of its own.
        gate: shared by all models of the server.
    """

    model: str
    stage: Literal["encode", "fuse"]
    ask: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
    good: T
    full_batch: int
    until_available: UntilAvailable
    reload: Callable[[], Awaitable[None]]
    gate: TrialGate


class Trial(Generic[T, R]):
    """Answers batches, however few of their rows can be answered; belongs to one event loop.

    A batch that failed twice, with the known-good sample answered in between, is taken apart, and each row is tried
    alone: sample, row, sample. While the sample fails, the fault is the server's: everything waits, nothing is held
    against a row. A model whose sample is answered with errors is loaded again, for Triton never starts a model's dead
    process again by itself.

    What a trial whose first sample was answered holds against a row:
        An error, or a lost connection, while the sample is answered once the server is back: half of what condemns.
        No answer in time, while the sample right after it is answered in time: as much.
        No answer in time, nor to the sample right after it, but later: a quarter, for a slow server looks the same.

    A condemned row costs four requests that fail: the batch twice, the row twice. If it ends the model's process, that
    is four reloads; if it takes the server down, four restarts; if it does not end in time, four timeouts, or six if it
    holds up the sample behind it. Its neighbours are answered meanwhile or right after. After an error, the second
    trial fills the largest batch with copies of the row, so that the server can join no other worker's row to it.

    A row is condemned wrongly only if the server fails for another reason within the one call of the row, in each of
    its trials. A row on which the model never returns needs a restart by somebody else after each of its six calls.
    """

    def __init__(self, line: Line[T, R]) -> None:
        """Ask over `line`."""
        self._line = line
        self._recovery = asyncio.Lock()

    async def answer(self, rows: Sequence[T]) -> list[R | PoisonItem]:
        """One answer or verdict per row, in order; waits for as long as the server is away.

        Raises:
            ContractBroken: the server refuses its own known-good sample, or `ask` raised it.
        """
        failures = 0
        while failures < _WHOLE_TRIES:
            try:
                async with self._line.gate.together():
                    return list(await self._line.ask(rows))
            except PoisonItem as refusal:
                if len(rows) == 1:
                    return [self._refused(refusal)]
                break
            except DependencyUnavailable as failure:
                failures += failure.code != UNSENT
                await self._until_good()
        return [await self._judge(row) for row in rows]

    async def _judge(self, row: T) -> R | PoisonItem:
        held_against, copies, full_batch, full_tries = 0, 1, self._line.full_batch, 0
        while True:
            found = await self._try(row, copies)
            if not isinstance(found, _Evidence):
                TRIALS.labels(self._line.model, "refused" if isinstance(found, PoisonItem) else "answered").inc()
                return found
            await self._until_good()
            held_against += found.weight
            if held_against >= _CONDEMNED_AT:
                return self._condemned(found.reason)
            if found.weight:
                copies = 1 if found.is_overdue else full_batch
            elif copies > 1:
                full_tries += 1
                if full_tries == _FULL_TRIES:  # the server does not take as many, or not in time
                    copies = full_batch = 1

    async def _try(self, row: T, copies: int) -> "R | PoisonItem | _Evidence":
        """One trial, up to the row's call; the sample after it is the caller's, unless the answer is overdue."""
        async with self._line.gate.alone():
            if not await self._is_good(copies):
                return _Evidence(0, "")
            try:
                return (await self._line.ask([row] * copies))[0]
            except PoisonItem as refusal:
                return self._refused(refusal)
            except DependencyUnavailable as failure:
                return await self._weigh(failure, copies)

    async def _weigh(self, failure: DependencyUnavailable, copies: int) -> "_Evidence":
        if failure.code == UNSENT:
            return _Evidence(0, "")
        if failure.code != TIMED_OUT:
            return _Evidence(_STRONG, str(failure))
        if copies > 1:  # a row may be longer than the sample: that its copies take long says nothing
            return _Evidence(0, "")
        return _Evidence(_STRONG if await self._is_good(1) else _WEAK, str(failure), is_overdue=True)

    async def _is_good(self, copies: int) -> bool:
        try:
            await self._line.ask([self._line.good] * copies)
        except PoisonItem as refusal:
            if copies == 1:
                raise self._refuses_good(refusal) from refusal
            return False
        except DependencyUnavailable:
            return False
        return True

    async def _until_good(self) -> None:
        """Wait until the known-good sample is answered; the batches of this model wait behind one of them."""
        errors = 0

        async def ask() -> None:
            nonlocal errors
            try:
                await self._line.ask([self._line.good])
            except PoisonItem as refusal:
                raise self._refuses_good(refusal) from refusal
            except ModelFailed:
                errors += 1
                if errors.bit_count() == 1 and errors > 1:  # at 2, 4, 8…: rarer, the less it helps
                    await self._line.reload()
                raise

        async with self._recovery:
            await self._line.until_available(ask)

    def _refused(self, refusal: PoisonItem) -> PoisonItem:
        stage = self._line.stage
        return PoisonItem(str(refusal), code=f"{stage}.refused", stage=stage)

    def _refuses_good(self, refusal: PoisonItem) -> ContractBroken:
        return ContractBroken(
            f"model {self._line.model} refuses its own known-good sample: {refusal}; serve a repository made by `braid "
            "models build`",
            code="model.signature",
        )

    def _condemned(self, reason: str) -> PoisonItem:
        stage = self._line.stage
        TRIALS.labels(self._line.model, "condemned").inc()
        log.warning("row_condemned", model=self._line.model, stage=stage, reason=reason[:_REASON_CHARACTERS])
        return PoisonItem(
            "tried alone, it failed each time, while the model's known-good sample was answered before and after: "
            f"{reason[:_REASON_CHARACTERS]}",
            code=f"{stage}.failed",
            stage=stage,
        )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What one trial holds against a row; a weight of 0 says nothing."""

    weight: int
    reason: str
    is_overdue: bool = False
