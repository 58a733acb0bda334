"""Ports: free, remembered, chosen anew when taken, never replaced when pinned."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.local.ports import LOOPBACK, PortBook, accepts_connections, is_free


@contextmanager
def listening(port: int = 0) -> Iterator[int]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        yield server.getsockname()[1]


def book(tmp_path: Path, seed: int = 0, **pinned: int) -> PortBook:
    return PortBook(tmp_path / "ports.json", pinned, random.Random(seed))


def test_a_port_is_free_unless_somebody_listens() -> None:
    with listening() as port:
        assert not is_free(port)
    assert is_free(port)


def test_a_port_is_below_the_range_of_outgoing_connections(tmp_path: Path) -> None:
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert book(tmp_path).port("kafka") < first


def test_a_port_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = book(tmp_path, seed=1).port("kafka")
    assert book(tmp_path, seed=2).port("kafka") == first


def test_names_have_different_ports_even_from_the_same_random_numbers(tmp_path: Path) -> None:
    first = book(tmp_path, seed=1).port("kafka")
    assert book(tmp_path, seed=1).port("redis") != first


def test_a_port_that_was_taken_meanwhile_is_chosen_anew_and_remembered(tmp_path: Path) -> None:
    first = book(tmp_path).port("kafka")
    with listening(first):
        again = book(tmp_path)
        assert again.is_taken("kafka")
        second = again.port("kafka")
        assert second != first
    assert book(tmp_path).port("kafka") == second


def test_a_pinned_port_in_use_is_an_error_that_names_port_holder_and_mend(tmp_path: Path) -> None:
    with (
        listening() as port,
        pytest.raises(
            ConfigurationError, match=rf"port {port}, asked for as kafka, is in use by pid \d+ .*another port"
        ),
    ):
        book(tmp_path, kafka=port).port("kafka")


def test_a_pinned_port_is_never_replaced(tmp_path: Path) -> None:
    with listening() as port:
        pass
    pinned = book(tmp_path, kafka=port)
    assert pinned.port("kafka") == port
    with listening(port):
        assert not pinned.is_taken("kafka")


def test_a_pinned_port_goes_before_the_remembered_one(tmp_path: Path) -> None:
    book(tmp_path).port("kafka")
    with listening() as port:
        pass
    assert book(tmp_path, kafka=port).port("kafka") == port


@pytest.mark.parametrize("content", ["", "{", '{"kafka": "x"}'])
def test_a_spoilt_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    (tmp_path / "ports.json").write_text(content)
    assert is_free(book(tmp_path).port("kafka"))


async def test_a_connection_tells_whether_somebody_listens() -> None:
    with listening() as port:
        await accepts_connections(LOOPBACK, port)
    with pytest.raises(ConnectionRefusedError):
        await accepts_connections(LOOPBACK, port)
