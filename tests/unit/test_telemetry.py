"""The probes of a long-running process."""

import aiohttp
import pytest

from streams.telemetry import ProbeServer


async def get(server, path):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
        return answer.status, await answer.json()


async def test_a_process_is_alive_while_something_is_missing():
    async with ProbeServer("127.0.0.1", 0, lambda: {"triton": "no answer"}) as server:
        assert await get(server, "/livez") == (200, {"status": "alive"})
        assert await get(server, "/readyz") == (503, {"status": "waiting", "missing": {"triton": "no answer"}})


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, (200, {"status": "alive"})),
        ("no record for 300 s", (503, {"status": "stalled", "reason": "no record for 300 s"})),
    ],
    ids=["alive", "stalled"],
)
async def test_a_stalled_process_is_not_alive_and_says_why(reason, expected):
    async with ProbeServer("127.0.0.1", 0, dict, lambda: reason) as server:
        assert await get(server, "/livez") == expected
        assert (await get(server, "/readyz"))[0] == 200
