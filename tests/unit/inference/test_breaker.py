"""The laws of the circuit breaker, on a clock turned by hand."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from streams.errors import ContractBroken, DependencyUnavailable, ModelFailed, PoisonItem
from streams.inference import CircuitBreaker
from streams.inference.breaker import UNSENT

AWAY = DependencyUnavailable("no answer")
OPENS_AFTER = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0


class Bench:
    """A breaker, its clock, and a server that answers as told."""

    def __init__(self, jitter=lambda: 1.0):
        self.now_s = 100.0
        self.calls = 0
        self.breaker = CircuitBreaker("bench", monotonic_s=lambda: self.now_s, jitter=jitter)

    async def ask(self, error=None):
        async def attempt():
            self.calls += 1
            if error is not None:
                raise error
            return "answer"

        return await self.breaker.call(attempt)

    async def miss(self, times=1):
        for _ in range(times):
            with pytest.raises(DependencyUnavailable):
                await self.ask(AWAY)

    async def refusal(self):
        """The error of a call that was not made."""
        before = self.calls
        with pytest.raises(DependencyUnavailable) as refused:
            await self.ask()
        assert self.calls == before
        assert refused.value.code == UNSENT
        return refused.value


def gauge():
    return REGISTRY.get_sample_value("braid_circuit_open", {"dependency": "bench"})


async def test_it_opens_after_a_few_calls_in_a_row_without_an_answer():
    bench = Bench()
    await bench.miss(OPENS_AFTER - 1)
    assert (bench.breaker.is_open, gauge()) == (False, 0)
    await bench.miss()
    assert (bench.breaker.is_open, gauge()) == (True, 1)


@pytest.mark.parametrize(
    "answer",
    [None, ModelFailed("failed"), PoisonItem("refused", code="x", stage="encode"), ContractBroken("unknown")],
    ids=["success", "model failed", "refused", "contract broken"],
)
async def test_any_answer_ends_the_row_an_error_included(answer):
    bench = Bench()
    await bench.miss(OPENS_AFTER - 1)
    if answer is None:
        await bench.ask()
    else:
        with pytest.raises(type(answer)):
            await bench.ask(answer)
    await bench.miss(OPENS_AFTER - 1)
    assert not bench.breaker.is_open


async def test_open_it_refuses_without_a_call_and_says_for_how_long():
    bench = Bench()
    await bench.miss(OPENS_AFTER)
    assert (await bench.refusal()).retry_after_s == FIRST_PAUSE_S
    bench.now_s += 0.2
    assert (await bench.refusal()).retry_after_s == pytest.approx(0.3)


async def test_after_the_pause_one_call_passes_and_its_answer_closes():
    bench = Bench()
    await bench.miss(OPENS_AFTER)
    bench.now_s += FIRST_PAUSE_S
    gate = asyncio.Event()

    async def probe():
        await gate.wait()
        return "answer"

    probing = asyncio.create_task(bench.breaker.call(probe))
    await asyncio.sleep(0)
    await bench.refusal()
    gate.set()
    assert await probing == "answer"
    assert (bench.breaker.is_open, gauge()) == (False, 0)
    assert await bench.ask() == "answer"


async def test_each_probe_without_an_answer_doubles_the_pause_up_to_a_bound():
    bench, pauses_s = Bench(), []
    await bench.miss(OPENS_AFTER)
    for _ in range(6):
        pauses_s.append((await bench.refusal()).retry_after_s)
        bench.now_s += pauses_s[-1]
        await bench.miss()
    assert pauses_s == pytest.approx([0.5, 1.0, 2.0, 4.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S])


async def test_a_pause_is_jittered_by_half():
    bench = Bench(jitter=lambda: 0.0)
    await bench.miss(OPENS_AFTER)
    assert (await bench.refusal()).retry_after_s == pytest.approx(FIRST_PAUSE_S / 2)


async def test_once_closed_it_begins_with_the_first_pause_again():
    bench = Bench()
    await bench.miss(OPENS_AFTER)
    bench.now_s += LONGEST_PAUSE_S
    await bench.miss()
    bench.now_s += LONGEST_PAUSE_S
    await bench.ask()
    await bench.miss(OPENS_AFTER)
    assert (await bench.refusal()).retry_after_s == FIRST_PAUSE_S


async def test_a_probe_that_is_cancelled_leaves_the_way_to_the_next():
    bench = Bench()
    await bench.miss(OPENS_AFTER)
    bench.now_s += FIRST_PAUSE_S
    probing = asyncio.create_task(bench.breaker.call(asyncio.Event().wait))
    await asyncio.sleep(0)
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    assert bench.breaker.is_open
    assert await bench.ask() == "answer"


async def test_calls_from_before_the_opening_do_not_put_off_the_probe():
    bench, lost = Bench(), asyncio.Event()

    async def slow():
        await lost.wait()
        raise AWAY

    under_way = [asyncio.create_task(bench.breaker.call(slow)) for _ in range(3)]
    await asyncio.sleep(0)
    await bench.miss(OPENS_AFTER)
    bench.now_s += 0.4
    lost.set()
    await asyncio.gather(*under_way, return_exceptions=True)
    assert (await bench.refusal()).retry_after_s == pytest.approx(0.1)
