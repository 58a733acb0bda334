import threading
from contextlib import aclosing

import pytest

from streams.ingest.read_ahead import read_ahead


async def test_all_items_come_in_order_from_another_thread():
    threads = set()

    def numbers():
        for number in range(50):
            threads.add(threading.get_ident())
            yield number

    async with aclosing(read_ahead(numbers())) as incoming:
        assert [number async for number in incoming] == list(range(50))
    assert threading.get_ident() not in threads


async def test_an_error_of_the_reader_reaches_the_consumer():
    def broken():
        yield 1
        raise LookupError("torn")

    async with aclosing(read_ahead(broken())) as incoming:
        with pytest.raises(LookupError, match="torn"):
            await anext(incoming)


async def test_reading_is_bounded_and_over_when_the_consumer_leaves():
    pulled = []

    def endless():
        number = 0
        while True:
            pulled.append(number)
            yield number
            number += 1

    items = endless()
    async with aclosing(read_ahead(items)) as incoming:
        async for number in incoming:
            if number == 3:
                break
    items.close()  # refused while a thread is still inside
    assert len(pulled) == 16
