"""A version that Triton cannot load: the one before answers on, and nothing of the new one stays.

What Triton 2.51 does, as seen here with models that compute more at load than they may have:
    The model's process cannot allocate: the load fails with what it said, within seconds.
    That process is killed while it reads the model, as the kernel does with the largest one: the load fails after two
        seconds, "Stub process is not healthy".
    That process is killed before it reads the model: the load never ends, and whatever is loaded or unloaded of that
        model later waits behind it, until the server is started again. What is loaded already answers on.
    The server itself cannot allocate: it ends, and has to be started again.
"""

import asyncio
import os
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import SecretStr

from processors.models.repository import versions_of
from processors.models.spec import FUSION
from streams.inference import ModelClient, TritonControl, TritonServer
from streams.settings import KafkaSettings, ModelSettings, RedisSettings, Settings, TritonSettings
from streams.store import LiveModels, ModelVersions, Store
from tests.integration.own_triton import OwnTriton

DEADLINE_S = 60.0
TIMEOUT_S = 5.0
PAUSE_S = 0.05
BALLAST_BYTES = 900 << 20  # below the 1 GB over which ONNX Runtime computes constants when it is asked, not at load
ROOM_BYTES = 96 << 20
READING_BYTES = 160 << 20
"""A model's process that holds more than this is reading the model: it starts with half of it."""
LIVE = LiveModels().changed("fusion", ModelVersions(live=1, highest=1))


@pytest.fixture
async def triton(models: Path, tmp_path: Path) -> AsyncIterator[OwnTriton]:
    """Serves the fusion model alone."""
    shutil.copytree(models / "fusion", tmp_path / "models" / "fusion")
    triton = OwnTriton(tmp_path)
    await triton.start()
    triton.keep()
    yield triton
    await triton.stop()


@pytest.fixture
def load_timeout_s() -> float:
    return 60.0


@pytest.fixture
def settings(triton: OwnTriton, redis_url: str, unique: str, tmp_path: Path, load_timeout_s: float) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        kafka=KafkaSettings(group=unique),
        redis=RedisSettings(url=SecretStr(redis_url)),
        triton=TritonSettings(grpc=triton.address, timeout_s=TIMEOUT_S, load_timeout_s=load_timeout_s),
        models=ModelSettings(repository=triton.models),
    )


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with Store.connect(settings, lambda: time.time_ns() // 10**6) as store:
        assert await store.agree_on_models(settings.kafka.group, None, LIVE) == LIVE
        yield store


@pytest.fixture
def lean(triton: OwnTriton) -> Path:
    """The fusion model as it is."""
    return triton.models / "fusion" / "1" / "model.onnx"


@pytest.fixture
def large(lean: Path, tmp_path: Path) -> Path:
    """The fusion model, which computes a large constant as it is loaded, and adds its greatest value: 0."""
    model = onnx.load(lean)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["lean" if name == "probabilities" else name for name in names]
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    model.graph.initializer.append(helper.make_tensor("length", TensorProto.INT64, [1], [BALLAST_BYTES // 4]))
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["length"], ["ballast"], value=zero),
            helper.make_node("ReduceMax", ["ballast"], ["greatest"], keepdims=0),
            helper.make_node("Add", ["lean", "greatest"], ["probabilities"]),
        ]
    )
    path = tmp_path / "large.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
async def windows(triton: OwnTriton) -> AsyncIterator["Windows"]:
    async with ModelClient(TritonServer(triton.address), FUSION, timeout_s=TIMEOUT_S) as client:
        yield Windows(client)


class Windows:
    """The same windows, asked of one version again and again."""

    def __init__(self, client: ModelClient) -> None:
        random = np.random.default_rng(7)
        shapes = {tensor.name: (4, *tensor.shape) for tensor in FUSION.inputs}
        self._inputs = {name: random.uniform(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        self._client = client

    async def answers(self, version: int) -> npt.NDArray[np.float32]:
        answer = await self._client.infer(self._inputs, ["probabilities"], version)
        assert answer.model_version == str(version)
        return answer.outputs["probabilities"]

    @asynccontextmanager
    async def answered_by_the_first_all_along(self) -> AsyncIterator[None]:
        """Before what is done in the block, meanwhile and after, with the same probabilities."""
        expected, times, is_over = await self.answers(1), 0, False

        async def ask() -> None:
            nonlocal times
            while not is_over:
                np.testing.assert_array_equal(await self.answers(1), expected)
                times += 1
                await asyncio.sleep(PAUSE_S)

        async with asyncio.TaskGroup() as asking:
            asking.create_task(ask())
            yield
            meanwhile, is_over = times, True
        assert meanwhile > 10
        np.testing.assert_array_equal(await self.answers(1), expected)


class Allowance:
    """Bounds the address space of a Triton and of the processes that it starts for its models."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = resource.prlimit(pid, resource.RLIMIT_AS)

    def set(self, more_bytes: int) -> None:
        """To so many bytes more than the server itself has now."""
        bound = size_of(self._pid, "VmSize") + more_bytes
        resource.prlimit(self._pid, resource.RLIMIT_AS, (bound, self._before[1]))

    def lift(self) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_AS, self._before)


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process; empty if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines)


def size_of(pid: int, kind: str) -> int:
    """Bytes; 0 if it is gone."""
    return int(status_of(pid).get(kind, "0 kB").split()[0]) * 1024


def model_processes(triton: OwnTriton) -> set[int]:
    """Children of the server that run what they are there for."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    told = {pid: status_of(pid) for pid in pids}
    return {
        pid
        for pid, status in told.items()
        if status.get("PPid") == str(triton.pid) and status["Name"].startswith("triton_python_b")
    }


async def new_model_process(triton: OwnTriton, before: set[int], at_bytes: int) -> int:
    """The process that was started since, once it holds as much."""
    async with asyncio.timeout(DEADLINE_S):
        while not (grown := [p for p in model_processes(triton) - before if size_of(p, "VmRSS") >= at_bytes]):
            await asyncio.sleep(0.005)
    return grown[0]


async def kill_the_new_one(triton: OwnTriton, before: set[int], at_bytes: int) -> None:
    os.kill(await new_model_process(triton, before, at_bytes), signal.SIGKILL)


async def kill_the_server(triton: OwnTriton, before: set[int]) -> None:
    """As soon as it has started another process for a model."""
    await new_model_process(triton, before, 1)
    triton.kill()


@pytest.fixture
def unchanged(triton: OwnTriton, store: Store, settings: Settings) -> Callable:
    """Fails unless the repository and what is in force are as they were."""

    async def unchanged() -> None:
        assert versions_of(triton.models / "fusion") == [1]
        assert not list((triton.models / "fusion").glob(".*"))
        assert await store.read_models(settings.kafka.group) == LIVE

    return unchanged


@pytest.fixture
def deployed(braid_models: Callable, windows: Windows, store: Store, settings: Settings) -> Callable:
    """Fails unless a file can be deployed, and answers as the first version does."""

    async def deployed(path: Path) -> None:
        code, _, said = await braid_models("deploy", "fusion", str(path))
        assert code == 0, said
        after = await store.read_models(settings.kafka.group)
        assert (after.models["fusion"].live, after.models["fusion"].highest) == (1, 2)
        np.testing.assert_allclose(await windows.answers(2), await windows.answers(1), atol=1e-6)

    return deployed


async def test_what_triton_has_no_memory_for_is_refused_and_deployed_once_it_has(
    triton, braid_models, windows, unchanged, deployed, large
):
    allowance = Allowance(triton.pid)
    async with windows.answered_by_the_first_all_along():
        allowance.set(ROOM_BYTES)
        code, _, said = await braid_models("deploy", "fusion", str(large))
        await unchanged()
        allowance.lift()
        await deployed(large)

    assert code == 2
    assert f"version 2 of fusion was not deployed: load fusion: Triton at {triton.address} refuses: " in said
    assert "bad_alloc (short of memory: give Triton more, or unload a version" in said
    assert said.rstrip().endswith("; version 1 serves on")
    assert triton.deaths == 0


async def test_a_version_whose_process_is_killed_as_it_reads_the_model_is_refused_and_can_be_deployed_again(
    triton, braid_models, windows, unchanged, deployed, large, lean
):
    async with windows.answered_by_the_first_all_along():
        killing = asyncio.create_task(kill_the_new_one(triton, model_processes(triton), READING_BYTES))
        code, _, said = await braid_models("deploy", "fusion", str(large))
        await killing
        await unchanged()
        await deployed(lean)

    assert code == 2
    assert "is not healthy. (short of memory: give Triton more, or unload a version" in said
    assert said.rstrip().endswith("; version 1 serves on")
    assert triton.deaths == 0


@pytest.mark.parametrize("load_timeout_s", [8.0])
async def test_a_load_that_never_ends_is_given_up_and_the_next_deployment_works_after_a_restart(
    triton, braid_models, windows, unchanged, deployed, lean, load_timeout_s
):
    async with windows.answered_by_the_first_all_along():
        killing = asyncio.create_task(kill_the_new_one(triton, model_processes(triton), 1))
        within_s = load_timeout_s + TIMEOUT_S + 10
        code, _, said = await braid_models("deploy", "fusion", str(lean), within_s=within_s)
        await killing
        await unchanged()
        async with TritonControl(triton.address, timeout_s=TIMEOUT_S) as control:
            assert [(each.version, each.state) for each in await control.index()] == [(1, "READY"), (2, "LOADING")]

    assert code == 2
    assert f"does not answer within {load_timeout_s:g} s" in said
    assert "; version 1 serves on; its folder was removed again, but Triton could not be told, restart it" in said
    triton.kill()
    await restarted(triton)
    await deployed(lean)


async def test_a_server_that_is_killed_while_it_loads_comes_back_without_the_new_version(
    triton, braid_models, windows, unchanged, deployed, lean
):
    expected = await windows.answers(1)
    killing = asyncio.create_task(kill_the_server(triton, model_processes(triton)))

    code, _, said = await braid_models("deploy", "fusion", str(lean))
    await killing
    await unchanged()
    await restarted(triton)

    assert code == 2
    assert "version 2 of fusion was not deployed: load fusion: Triton" in said
    assert "; version 1 stays live, and answers again as soon as Triton does: " in said
    np.testing.assert_array_equal(await windows.answers(1), expected)
    await deployed(lean)


async def restarted(triton: OwnTriton) -> None:
    """Until the server has died once, and is back."""
    async with asyncio.timeout(DEADLINE_S):
        while not any("is back" in line for line in triton.starts):
            await asyncio.sleep(0.02)
    assert triton.deaths == 1
