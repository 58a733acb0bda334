"""`braid up`, `status` and `down` with real servers: what they start, what they say, and that nothing is left."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.local.identity import wait_until_gone
from streams.local.ports import LOOPBACK, is_free
from streams.local.state import ProcessRecord, StackState
from streams.local.triton import shared_memory_prefix

DEADLINE_S = 60.0
NOWHERE = {"BRAID_KAFKA__BROKERS": "127.0.0.1:1", "BRAID_TRITON__GRPC": "127.0.0.1:1"}
"""Kafka and Triton said to be elsewhere: only Redis is started, and topics are somebody else's business."""

DOUBLER = """
name: "doubler"
backend: "python"
max_batch_size: 8
input [{name: "x" data_type: TYPE_FP32 dims: [1]}]
output [{name: "y" data_type: TYPE_FP32 dims: [1]}]
"""
DOUBLER_CODE = """
import os, site
site.addsitedir(os.environ["BRAID_SITE_PACKAGES"])
import triton_python_backend_utils as pb
class TritonPythonModel:
    def execute(self, requests):
        arrays = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb.InferenceResponse([pb.Tensor("y", array * 2)]) for array in arrays]
"""


@pytest.fixture
def doubler(tmp_path: Path) -> dict[str, str]:
    """The environment for a stack that serves one small model."""
    version = tmp_path / "repository" / "doubler" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(DOUBLER_CODE)
    (version.parent / "config.pbtxt").write_text(DOUBLER)
    return {"BRAID_MODELS__REPOSITORY": str(tmp_path / "repository")}


def braid(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE_S, env=clean | environment, check=False
    )


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline_s = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)
    return found


def process(state: StackState | None, name: str) -> ProcessRecord:
    assert state is not None
    return next(record for record in state.processes if record.name == name)


def shared_memory(data_dir: Path) -> list[Path]:
    return list(Path("/dev/shm").glob(f"{shared_memory_prefix(data_dir / 'triton')}*"))


async def topics_at(brokers: str, *, create: str | None = None) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers, request_timeout_ms=20_000)
    await admin.start()
    try:
        if create:
            await admin.create_topics([NewTopic(create, 1, 1)])
        return await admin.list_topics()
    finally:
        await admin.close()


def test_a_whole_life(braid_up, doubler, tmp_path, nothing_left) -> None:
    """Up, status, SIGKILL, up again with the data kept, down."""
    data_dir = tmp_path / "data"
    first = braid_up(data_dir, "--workers", "0", **doubler)
    state = first.wait_until_ready()

    told = braid("status", "--json", "--data-dir", str(data_dir))
    assert told.returncode == 0
    assert json.loads(told.stdout) == {
        "kafka": state.kafka,
        "redis": state.redis,
        "triton_grpc": state.triton_grpc,
        "processes": [{"name": p.name, "pid": p.pid, "state": "running"} for p in state.processes],
    }
    assert [record.name for record in state.processes] == ["kafka", "redis", "triton"]
    assert shared_memory(data_dir)
    redis.Redis.from_url(state.redis).set("kept", "yes")
    topics = asyncio.run(topics_at(state.kafka, create="kept"))
    assert {"braid.video", "braid.audio", "braid.transcript", "braid.detections", "braid.dead-letters"} <= set(topics)

    first.process.kill()
    first.process.wait()
    for record in state.processes:
        assert wait_until_gone(record.pid, record.mark, DEADLINE_S), f"{record.name} outlived its parent"
    gone = braid("status", "--json", "--data-dir", str(data_dir))
    assert gone.returncode == 1
    assert {entry["state"] for entry in json.loads(gone.stdout)["processes"]} == {"stopped"}

    second = braid_up(data_dir, "--workers", "0", **doubler)
    again = second.wait_until_ready()
    assert (again.kafka, again.redis, again.triton_grpc) == (state.kafka, state.redis, state.triton_grpc)
    assert redis.Redis.from_url(again.redis).get("kept") == b"yes"
    assert "kept" in asyncio.run(topics_at(again.kafka))

    assert braid("down", "--data-dir", str(data_dir)).returncode == 0
    assert second.process.wait(DEADLINE_S) == 0
    nothing_left(again)
    assert shared_memory(data_dir) == []
    assert braid("status", "--data-dir", str(data_dir)).returncode == 1
    assert braid("down", "--data-dir", str(data_dir)).returncode == 0


@pytest.mark.parametrize("moment", ["owned", "redis", "triton"])
def test_a_signal_in_the_middle_of_the_start_leaves_nothing(moment, braid_up, doubler, tmp_path, nothing_left) -> None:
    started = braid_up(tmp_path / "data", "--workers", "0", **doubler)
    wait_for(lambda: started.state is not None and (moment == "owned" or process(started.state, moment).pid))
    state = started.state
    assert started.stop(signal.SIGTERM) == 0, started.output
    nothing_left(state)
    assert shared_memory(tmp_path / "data") == []
    assert started.state is None


def test_two_stacks_live_side_by_side(stack, braid_up, tmp_path, nothing_left) -> None:
    other = braid_up(tmp_path / "data", "--workers", "0", BRAID_TRITON__GRPC="127.0.0.1:1")
    state = other.wait_until_ready()
    assert {state.kafka, state.redis}.isdisjoint({stack.kafka, stack.redis})
    redis.Redis.from_url(state.redis).set("whose", "other")
    assert redis.Redis.from_url(stack.redis).get("whose") is None
    asyncio.run(topics_at(state.kafka, create="other"))
    assert "other" not in asyncio.run(topics_at(stack.kafka))
    assert other.stop() == 0
    nothing_left(state)


def test_a_second_stack_in_the_same_directory_is_refused(braid_up, tmp_path) -> None:
    first = braid_up(tmp_path / "data", "--workers", "0", **NOWHERE)
    first.wait_until_ready()
    second = braid("up", "--data-dir", str(tmp_path / "data"), **NOWHERE)
    assert second.returncode == 2
    assert f"in use by pid {first.process.pid}" in second.stderr
    assert first.stop() == 0


def test_a_server_that_dies_comes_back_at_its_address_with_its_data(braid_up, tmp_path, nothing_left) -> None:
    running = braid_up(tmp_path / "data", "--workers", "0", **NOWHERE)
    state = running.wait_until_ready()
    redis.Redis.from_url(state.redis).set("kept", "yes")
    pid = process(state, "redis").pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: process(running.state, "redis").pid not in {pid, None})
    again = running.wait_until_ready()
    assert again.redis == state.redis
    assert redis.Redis.from_url(again.redis).get("kept") == b"yes"
    assert running.stop() == 0
    nothing_left(again)


def test_a_second_signal_kills_what_does_not_stop(braid_up, tmp_path, nothing_left) -> None:
    running = braid_up(tmp_path / "data", "--workers", "0", **NOWHERE)
    state = running.wait_until_ready()
    os.kill(process(state, "redis").pid, signal.SIGSTOP)
    running.process.send_signal(signal.SIGINT)
    wait_for(lambda: "a second signal kills" in running.output)
    assert running.stop() == 0
    assert "was killed" not in running.output, "it waited for the deadline"
    nothing_left(state)


def test_a_server_that_does_not_stop_is_killed_in_time(braid_up, tmp_path, nothing_left) -> None:
    running = braid_up(tmp_path / "data", "--workers", "0", **NOWHERE)
    state = running.wait_until_ready()
    os.kill(process(state, "redis").pid, signal.SIGSTOP)
    assert running.stop() == 0
    assert "redis did not stop within" in running.output
    nothing_left(state)


def test_with_all_addresses_set_only_workers_run_and_a_dead_one_is_replaced(stack, braid_up, tmp_path, unique) -> None:
    running = braid_up(
        tmp_path / "data",
        BRAID_KAFKA__BROKERS=stack.kafka,
        BRAID_KAFKA__GROUP=unique,
        BRAID_REDIS__URL=stack.redis,
        BRAID_TRITON__GRPC=stack.triton_grpc,
    )
    state = running.wait_until_ready()
    assert [record.name for record in state.processes] == ["worker-1"]
    pid = process(state, "worker-1").pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: process(running.state, "worker-1").pid not in {pid, None})
    running.wait_until_ready()
    assert running.stop() == 0, running.output


def test_a_port_in_use_is_named(tmp_path) -> None:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = braid("up", "--redis-port", str(port), "--data-dir", str(tmp_path / "data"), **NOWHERE)
    assert refused.returncode == 2
    assert f"port {port}, asked for as redis, is in use by pid {os.getpid()}" in refused.stderr


def test_jars_neither_cached_nor_reachable_say_what_to_do(tmp_path) -> None:
    unreachable = f"http://{LOOPBACK}:1"
    failed = braid(
        *("up", "--data-dir", str(tmp_path / "data"), "--workers", "0"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        https_proxy=unreachable,
        HTTPS_PROXY=unreachable,
        BRAID_REDIS__URL="redis://127.0.0.1:1",
        BRAID_TRITON__GRPC="127.0.0.1:1",
    )
    assert failed.returncode == 1
    for words in (f"not in the cache {tmp_path / 'cache'}", "Maven Central", "BRAID_KAFKA__BROKERS", "ProxyError"):
        assert words in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_server_that_does_not_start_is_told_with_its_log_and_takes_the_rest_down(braid_up, tmp_path) -> None:
    """The repository holds a folder that is no model."""
    (tmp_path / "repository" / "broken").mkdir(parents=True)
    (tmp_path / "repository" / "broken" / "config.pbtxt").write_text('name: "other"\n')
    failed = braid(
        *("up", "--data-dir", str(tmp_path / "data"), "--workers", "0"),
        BRAID_KAFKA__BROKERS="127.0.0.1:1",
        BRAID_MODELS__REPOSITORY=str(tmp_path / "repository"),
    )
    assert failed.returncode == 1
    assert "triton ended with exit code 1 before it was ready" in failed.stderr
    assert "broken" in failed.stderr
    remembered = json.loads((tmp_path / "data" / "ports.json").read_text())
    assert all(is_free(port) for port in remembered.values())
