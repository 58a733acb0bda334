"""Servers that restart, forget, stall, refuse or evict."""

import asyncio
import signal
import time

import pytest
from redis.asyncio import Redis

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.store import Put, Status, Store


@pytest.fixture
async def as_admin():
    """A client with all rights on a server that the test started."""
    clients = []

    def connect(server):
        clients.append(Redis.from_url(server.url))
        return clients[-1]

    yield connect
    for client in clients:
        await client.aclose()


async def test_a_fit_server_passes_the_check(store):
    await store.check()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
async def test_a_server_that_evicts_is_refused_with_the_mend(start_redis, open_store, policy):
    async with open_store(start_redis("--maxmemory-policy", policy)) as store:
        with pytest.raises(ConfigurationError, match=rf"{policy}.*CONFIG SET maxmemory-policy noeviction"):
            await store.check()


async def test_the_check_needs_no_right_to_config(start_redis, open_store, as_admin):
    server = start_redis()
    await as_admin(server).execute_command("ACL", "SETUSER", "worker", "on", ">pw", "~*", "+@all", "-config")
    async with open_store(server, url=f"redis://worker:pw@127.0.0.1:{server.port}/0") as store:
        await store.check()


async def test_scripts_flushed_at_any_moment_are_loaded_again(store, make_detection, raw):
    fence = await store.take_token("braid", 0)

    async def flush():
        for _ in range(20):
            await raw.script_flush()

    for batch in range(10):
        puts = [Put(make_detection(1000 * index, source_id=f"s-{batch}"), fence) for index in range(50)]
        answers, _ = await asyncio.gather(store.put_many(puts), flush())
        assert [(answer.status, answer.detection.id) for answer in answers] == [
            (Status.STORED, put.detection.id) for put in puts
        ]
    await raw.script_flush()
    answer = await store.finalise("s-0/0/4000", "watermark", fence)
    assert answer.status is Status.FINAL


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restarted_server_is_found_again_with_tokens_and_answers(
    start_redis, open_store, make_detection, ending
):
    server = start_redis()
    async with open_store(server) as store:
        fence = await store.take_token("braid", 0)
        put = await store.put(make_detection(), fence)
        server.stop(ending)
        with pytest.raises(DependencyUnavailable, match=f"put: Redis at 127.0.0.1:{server.port}") as away:
            await store.put(make_detection(4000), fence)
        assert away.value.retry_after_s > 0
        server.start()
        assert await store.get("dock-1/0/4000") == put.detection
        assert (await store.put(make_detection(4000), fence)).status is Status.STORED


@pytest.fixture
async def silent_port():
    """A server that takes connections and says nothing."""
    handlers = []

    async def handle(reader, writer):
        handlers.append(asyncio.current_task())
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    await asyncio.gather(*handlers, return_exceptions=True)


async def test_a_silent_server_is_given_up_in_time_reconnecting_included(silent_port, open_store):
    async with open_store(None, url=f"redis://127.0.0.1:{silent_port}/0", timeout_s=1.0) as store:
        begun = time.monotonic()
        with pytest.raises(DependencyUnavailable, match=f"get: Redis at 127.0.0.1:{silent_port}"):
            await store.get("dock-1/0/4000")
        assert time.monotonic() - begun < 1.8


async def test_a_stopped_server_times_out_and_later_answers_to_the_right_question(
    start_redis, open_store, make_detection
):
    server = start_redis()
    async with open_store(server, timeout_s=1.0) as store:
        fence = await store.take_token("braid", 0)
        detections = [make_detection(1000 * index) for index in range(20)]
        await store.put_many([Put(detection, fence) for detection in detections])
        server._process.send_signal(signal.SIGSTOP)
        late = await asyncio.gather(*(store.get(d.id) for d in detections), return_exceptions=True)
        server._process.send_signal(signal.SIGCONT)
        assert {type(answer) for answer in late} == {DependencyUnavailable}
        for detection in detections:
            assert (await store.get(detection.id)).id == detection.id


async def test_more_callers_than_connections_wait_their_turn(store, make_detection, raw):
    fence = await store.take_token("braid", 0)
    before = (await raw.info("clients"))["connected_clients"]
    answers = await asyncio.gather(*(store.put(make_detection(1000 * index), fence) for index in range(200)))
    assert {answer.status for answer in answers} == {Status.STORED}
    assert (await raw.info("clients"))["connected_clients"] - before <= 16


async def test_a_full_server_is_a_dependency_to_wait_for(start_redis, open_store, as_admin, make_detection):
    server = start_redis()
    admin = as_admin(server)
    async with open_store(server) as store:
        fence = await store.take_token("braid", 0)
        await admin.config_set("maxmemory", 1)
        with pytest.raises(DependencyUnavailable, match="memory"):
            await store.put(make_detection(), fence)
        await admin.config_set("maxmemory", 0)
        assert (await store.put(make_detection(), fence)).status is Status.STORED


async def test_wrong_credentials_are_a_persons_to_mend_and_stay_secret(start_redis, open_store):
    server = start_redis("--requirepass", "right")
    async with open_store(server, url=f"redis://:hunter2@127.0.0.1:{server.port}/0") as store:
        with pytest.raises(ConfigurationError, match=r"correct redis\.url") as refused:
            await store.check()
    assert "hunter2" not in str(refused.value)


async def test_a_right_that_is_missing_is_a_persons_to_mend(start_redis, open_store, as_admin):
    server = start_redis()
    await as_admin(server).execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "+@connection")
    async with open_store(server, url=f"redis://reader:pw@127.0.0.1:{server.port}/0") as store:
        assert await store.get("dock-1/0/4000") is None
        with pytest.raises(ConfigurationError, match=r"correct redis\.url or the user's ACL"):
            await store.take_token("braid", 0)


async def test_a_unix_socket_is_an_address_too(start_redis, open_store, tmp_path):
    socket_path = tmp_path / "redis.sock"
    async with open_store(start_redis("--unixsocket", str(socket_path)), url=f"unix://{socket_path}") as store:
        await store.check()


async def test_closing_ends_every_connection_and_may_be_done_twice(redis_server, open_store, raw):
    before = (await raw.info("clients"))["connected_clients"]
    store = open_store(redis_server)
    assert isinstance(store, Store)
    await asyncio.gather(*(store.sources() for _ in range(8)))
    assert (await raw.info("clients"))["connected_clients"] > before
    await store.close()
    await store.close()
    deadline = time.monotonic() + 5
    while (await raw.info("clients"))["connected_clients"] > before:
        assert time.monotonic() < deadline, "connections stayed open"
        await asyncio.sleep(0.01)


async def test_a_call_that_is_cancelled_at_any_moment_is_cancelled(store):
    async def read_for_ever():
        while True:
            await store.read_generation()

    for moment in range(40):
        reading = asyncio.create_task(read_for_ever())
        for _ in range(moment):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait({reading}, timeout=5)
        assert done, f"cancelled {moment} turns of the loop after its beginning, it goes on"
        assert reading.cancelled()
