"""The embedded Triton: nvidia-pytriton's binary with its Python backend, and ours for ONNX models."""

import ctypes.util
import hashlib
import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import grpc
from tritonclient.grpc import aio as triton_grpc
from tritonclient.utils import InferenceServerException

from processors.models.build import ONNXRUNTIME_BACKEND, is_up_to_date
from streams.errors import ConfigurationError, DependencyUnavailable
from streams.local.ports import LOOPBACK
from streams.local.process import Command, run_to_end
from streams.settings import ModelSettings

__all__ = ["EmbeddedTriton", "build_backends", "find_libpython", "shared_memory_prefix"]

_TIMEOUT_S = 4.0
_BUILD_TIMEOUT_S = 900.0
_EXIT_TIMEOUT_S = 3
_BACKENDS = ("python", "onnxruntime")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives on Linux; names are ours alone
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class EmbeddedTriton:
    """Backends, models, command and readiness of the embedded Triton.

    Args:
        directory: its backends.
        logs: folder for the output of what prepares it.
        models: the repository to serve; built if it is in the data directory.
        build: what the repository is to be built from; None if it is not ours to build.
        ports: of gRPC, HTTP and metrics.
    """

    def __init__(
        self, directory: Path, logs: Path, models: Path, ports: tuple[int, int, int], *, build: ModelSettings | None
    ) -> None:
        self.address = f"{LOOPBACK}:{ports[0]}"
        self._directory = directory
        self._logs = logs
        self._models = models.absolute()
        self._build = build
        self._ports = ports
        self._identity = shared_memory_prefix(directory)

    async def prepare(self) -> Command:
        """Have the backends and the models, and say what to run.

        Raises:
            ConfigurationError: pytriton, libpython or the repository is missing.
            DependencyUnavailable: the models cannot be built.
        """
        home = _pytriton_home()
        libraries = [find_libpython(), home.parent / "nvidia_pytriton.libs"]
        build_backends(home, self._directory)
        await self._have_models()
        self.remove_shared_memory()
        binary = home / "tritonserver" / "bin" / "tritonserver"
        _make_executable(binary)
        grpc_port, http_port, metrics_port = self._ports
        return Command(
            (
                str(binary),
                f"--id={self._identity}",
                f"--model-repository={self._models}",
                f"--backend-directory={self._directory}",
                "--log-info=false",  # pages of tables would stand between an error and the end of the log
                "--model-control-mode=explicit",  # polling would reload for ever: Python writes caches into the folders
                "--load-model=*",
                *(f"--backend-config={name},shm-region-prefix-name={self._identity}" for name in _BACKENDS),
                f"--grpc-address={LOOPBACK}",
                f"--grpc-port={grpc_port}",
                f"--http-address={LOOPBACK}",
                f"--http-port={http_port}",
                f"--metrics-address={LOOPBACK}",
                f"--metrics-port={metrics_port}",
                f"--exit-timeout-secs={_EXIT_TIMEOUT_S}",
            ),
            {
                "LD_LIBRARY_PATH": os.pathsep.join([*map(str, libraries), *_library_path()]),
                "BRAID_SITE_PACKAGES": sysconfig.get_path("purelib"),
                "BRAID_TRITON_THREADS": os.environ.get("BRAID_TRITON_THREADS", str(len(os.sched_getaffinity(0)))),
            },
            self._directory,
        )

    async def probe(self, _pid: int) -> None:
        """ServerReady, the server's own name, and every model of the repository ready.

        Raises:
            DependencyUnavailable: not yet.
        """
        client = triton_grpc.InferenceServerClient(self.address)
        try:
            if not await client.is_server_ready(client_timeout=_TIMEOUT_S):
                raise DependencyUnavailable(f"Triton at {self.address} says that it is not ready")
            name = (await client.get_server_metadata(client_timeout=_TIMEOUT_S)).name
            index = (await client.get_model_repository_index(client_timeout=_TIMEOUT_S)).models
        except (InferenceServerException, grpc.RpcError) as error:
            raise DependencyUnavailable(f"Triton at {self.address}: {error}") from error
        finally:
            await client.close()
        if name != self._identity:
            raise DependencyUnavailable(f"Triton at {self.address} is {name}, expected {self._identity}")
        if unready := [f"{model.name}: {model.state} {model.reason}" for model in index if model.state != "READY"]:
            raise DependencyUnavailable(f"Triton at {self.address} has models that are not ready: {'; '.join(unready)}")

    def remove_shared_memory(self) -> None:
        """Remove what a killed server of this data directory left in shared memory."""
        for region in _SHARED_MEMORY.glob(f"{self._identity}*"):
            region.unlink(missing_ok=True)

    async def _have_models(self) -> None:
        if self._build is None:
            if not self._models.is_dir():
                raise ConfigurationError(
                    f"models.repository is {self._models}, which is not a directory; make one with `braid models build "
                    "--target DIR`, or leave it unset to have it built in the data directory",
                    code="configuration.no_models",
                )
        elif not is_up_to_date(self._models, self._build.precision, self._build.plan):
            build = (sys.executable, "-m", "streams.cli", "models", "build", "--target", str(self._models))
            command = Command(build, {"BRAID_MODELS": self._build.model_dump_json()})
            await run_to_end("building the models", command, self._logs / "models.log", _BUILD_TIMEOUT_S)


def shared_memory_prefix(directory: Path) -> str:
    """With what the names of this Triton's shared memory begin, so that what a killed one leaves is known."""
    return "braid_" + hashlib.sha256(str(directory).encode()).hexdigest()[:16]


def build_backends(pytriton_home: Path, target: Path) -> None:
    """Lay out Triton's backend directory: its Python backend with the stub of this interpreter, and ours for ONNX.

    Raises:
        ConfigurationError: pytriton has no stub for this Python version.
    """
    server = pytriton_home / "tritonserver"
    stub = server / "python_backend_stubs" / _PYTHON / "triton_python_backend_stub"
    if not stub.is_file():
        raise ConfigurationError(
            f"nvidia-pytriton has no backend for Python {_PYTHON}: {stub} is missing; use Python 3.11 or 3.12, or set "
            "BRAID_TRITON__GRPC",
            code="configuration.no_triton_stub",
        )
    python, onnxruntime = (target / name for name in _BACKENDS)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(server / "backends" / "python", python, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(stub, python / stub.name)
    _make_executable(python / stub.name)
    onnxruntime.mkdir()
    shutil.copyfile(ONNXRUNTIME_BACKEND, onnxruntime / "model.py")


def find_libpython() -> Path:
    """The directory of the shared library of this Python, which Triton's Python backend loads.

    Raises:
        ConfigurationError: this Python was built without one, and the system has none either.
    """
    name = f"libpython{_PYTHON}.so.1.0"
    directories = [Path(directory) for key in ("LIBDIR", "LIBPL") if (directory := sysconfig.get_config_var(key))]
    for directory in directories:
        if (directory / name).is_file():
            return directory
    if ctypes.util.find_library(f"python{_PYTHON}"):  # the loader finds it without being told
        return directories[0] if directories else Path("/usr/lib")
    raise ConfigurationError(
        f"Triton's Python backend needs {name}, which is neither in {', '.join(map(str, directories))} nor known to "
        f"the system's loader; on Debian and Ubuntu `apt install libpython{_PYTHON}`, with pyenv rebuild Python with "
        "`--enable-shared`, or set BRAID_TRITON__GRPC",
        code="configuration.no_libpython",
    )


def _pytriton_home() -> Path:
    package = find_spec("pytriton")
    if package is None or package.origin is None:
        raise ConfigurationError(
            "no Triton: the package nvidia-pytriton is not installed; `pip install braid[local]`, or set "
            "BRAID_TRITON__GRPC",
            code="configuration.no_triton",
        )
    return Path(package.origin).parent


def _library_path() -> list[str]:
    return [path] if (path := os.environ.get("LD_LIBRARY_PATH")) else []


def _make_executable(program: Path) -> None:
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
