"""The processes in which a Triton of a test runs Python, found by their parent and name and never by a name alone."""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held", "next_stub", "stubs_of", "until_it_computes", "virtual_bytes"]

_NAME = "triton_python_b"  # the kernel cuts a process's name
_RUNTIME = "onnxruntime_pybind11_state"
_POLL_S = 0.01
_DEADLINE_S = 90.0


def stubs_of(triton: int) -> set[int]:
    """Ids of the processes in which this Triton runs Python."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return {pid for pid in pids if _parent_of(pid) == triton}


async def next_stub(triton: int, before: set[int]) -> int:
    """The process that this Triton starts next."""
    async with asyncio.timeout(_DEADLINE_S):
        while not (new := stubs_of(triton) - before):
            await asyncio.sleep(_POLL_S)
    [pid] = new
    return pid


async def until_it_computes(pid: int) -> None:
    """Wait until a process has ONNX Runtime in its memory: it is about to load its graph."""
    async with asyncio.timeout(_DEADLINE_S):
        while _RUNTIME not in Path(f"/proc/{pid}/maps").read_text():  # noqa: ASYNC240 - the kernel's, at once
            await asyncio.sleep(_POLL_S)


@contextmanager
def held(pid: int, triton: int) -> Iterator[int]:
    """A handle of a process that is proven to be this Triton's, and no other that took its number."""
    handle = os.pidfd_open(pid)
    try:
        assert _parent_of(pid) == triton
        yield handle
    finally:
        os.close(handle)


def virtual_bytes(pid: int) -> int:
    """The address space of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _parent_of(pid: int) -> int | None:
    """None where the process is gone, or is not one in which a Triton runs Python."""
    try:
        name, _, fields = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields.split()[1]) if name == _NAME else None
