"""Which versions of the models a Triton has loaded, and how that is changed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.inference.client import READY

__all__ = ["ServedVersion", "TritonControl"]

_OVERDUE = "StatusCode.DEADLINE_EXCEEDED"
_NO_ANSWER = frozenset({"StatusCode.UNAVAILABLE", "StatusCode.CANCELLED", _OVERDUE})
_TRACE = "\n\nAt:\n"
_NOT_EXPLICIT = "explicit model load / unload is not allowed"


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """An entry of the server's index.

    Attributes:
        model: name in the repository.
        version: None for a model of which nothing was ever loaded.
        state: in Triton's words, `READY` when it answers.
        reason: why it does not.
    """

    model: str
    version: int | None
    state: str
    reason: str

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.state == READY


class TritonControl:
    """Lists and loads models on one Triton. Belongs to one event loop; close it, or use it as a context manager.

    For a person who waits: nothing is tried twice.
    """

    def __init__(self, address: str, *, timeout_s: float) -> None:
        """Open a channel; nothing is sent yet.

        Args:
            address: `host:port` of the gRPC endpoint.
            timeout_s: longest wait for an answer; loading has a timeout of its own.
        """
        self.address = address
        self._timeout_s = timeout_s
        self._client = InferenceServerClient(address)

    async def __aenter__(self) -> Self:
        """Use within a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self._client.close()

    async def index(self) -> list[ServedVersion]:
        """Every version that the server knows of.

        Raises:
            DependencyUnavailable: the server does not answer.
        """
        answer = await self._call("list the models", self._client.get_model_repository_index, self._timeout_s)
        return [
            ServedVersion(entry.name, int(entry.version) if entry.version else None, entry.state, _told(entry.reason))
            for entry in answer.models
        ]

    async def serves_all_versions(self, model: str) -> bool:
        """Whether every version in the repository is loaded beside the others.

        Raises:
            ConfigurationError: the server does not know the model.
            DependencyUnavailable: the server does not answer.
        """
        config = await self._call(
            f"read the configuration of {model}", partial(self._client.get_model_config, model), self._timeout_s
        )
        return bool(config.config.version_policy.WhichOneof("policy_choice") == "all")

    async def load(self, model: str, *, timeout_s: float) -> None:
        """Have the server load what the repository holds of a model, and unload what it holds no more.

        What is loaded and unchanged serves on. A server that still loads a version of it answers when that has ended.

        Args:
            model: name in the repository.
            timeout_s: longest wait.

        Raises:
            ConfigurationError: it cannot be loaded, or the server does not let itself be told.
            DependencyUnavailable: the server does not answer, or not in time.
        """
        await self._call(f"load {model}", partial(self._client.load_model, model), timeout_s)

    async def _call(self, what: str, send: Callable[..., Awaitable[Any]], timeout_s: float) -> Any:
        try:
            return await send(client_timeout=timeout_s)
        except InferenceServerException as error:
            status, reason = error.status(), _told(error.message())
            if _NOT_EXPLICIT in reason:
                raise ConfigurationError(
                    f"Triton at {self.address} does not load models on request: {reason}; start it with "
                    "--model-control-mode=explicit --load-model=*",
                    code="configuration.model_control",
                ) from error
            if status in _NO_ANSWER:
                within = f" within {timeout_s:g} s" if status == _OVERDUE else ""
                raise DependencyUnavailable(
                    f"{what}: Triton at {self.address} does not answer{within}: {status}: {reason}"
                ) from error
            raise ConfigurationError(
                f"{what}: Triton at {self.address} refuses: {reason}", code="configuration.model_version"
            ) from error


def _told(reason: str) -> str:
    """The reason without the trace of the Python that met it."""
    return reason.partition(_TRACE)[0].strip().removesuffix(";")
