"""Micro-batching without a timer."""

import asyncio

import pytest

from streams.inference import MicroBatcher


class Line:
    """Answers batches when told to."""

    def __init__(self):
        self.batches = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most_under_way = 0

    async def process(self, batch):
        self.batches.append(list(batch))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.under_way -= 1
        return [ValueError(f"no {item}") if item < 0 else item * 2 for item in batch]


def batcher(line, *, max_batch=4, max_in_flight=2, capacity=100):
    return MicroBatcher(line.process, max_batch=max_batch, max_in_flight=max_in_flight, capacity=capacity)


async def test_a_lone_item_goes_at_once():
    line = Line()
    assert await batcher(line).submit(21) == 42
    assert line.batches == [[21]]


async def test_items_of_the_same_turn_go_together_up_to_the_bound():
    line = Line()
    one = batcher(line, max_batch=4)
    assert await asyncio.gather(*(one.submit(n) for n in range(6))) == [0, 2, 4, 6, 8, 10]
    assert line.batches == [[0, 1, 2, 3], [4, 5]]


async def test_what_comes_while_the_line_is_busy_gathers():
    line = Line()
    line.gate.clear()
    one = batcher(line, max_in_flight=1)
    first = asyncio.create_task(one.submit(0))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(one.submit(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0.01)
    line.gate.set()
    await asyncio.gather(first, *rest)
    assert line.batches == [[0], [1, 2, 3]]


async def test_no_more_batches_are_under_way_than_allowed():
    line = Line()
    one = batcher(line, max_batch=1, max_in_flight=3)
    await asyncio.gather(*(one.submit(n) for n in range(20)))
    assert line.most_under_way == 3


async def test_an_error_for_one_item_reaches_its_submitter_alone():
    one = batcher(Line())
    good, bad = await asyncio.gather(one.submit(1), one.submit(-1), return_exceptions=True)
    assert good == 2
    assert isinstance(bad, ValueError)


async def test_an_error_of_the_line_reaches_every_submitter():
    async def broken(batch):
        raise RuntimeError("line down")

    one = MicroBatcher(broken, max_batch=4, max_in_flight=1, capacity=10)
    results = await asyncio.gather(one.submit(1), one.submit(2), return_exceptions=True)
    assert [str(result) for result in results] == ["line down", "line down"]


async def test_a_cancelled_submission_is_not_sent():
    line = Line()
    line.gate.clear()
    one = batcher(line, max_batch=1, max_in_flight=1)
    first = asyncio.create_task(one.submit(0))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(one.submit(1))
    await asyncio.sleep(0.01)
    second.cancel()
    line.gate.set()
    await first
    await asyncio.gather(second, return_exceptions=True)
    assert line.batches == [[0]]


async def test_closing_ends_what_waits_and_what_is_under_way():
    line = Line()
    line.gate.clear()
    one = batcher(line, max_batch=1, max_in_flight=1)
    tasks = [asyncio.create_task(one.submit(n)) for n in range(3)]
    await asyncio.sleep(0.01)
    await one.close()
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task
