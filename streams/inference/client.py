"""One model on Triton, asked over gRPC."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy.typing as npt
import structlog
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from processors.models.signature import Signature, Tensor
from processors.models.spec import ModelSpec
from streams.errors import BraidError, ContractBroken, DependencyUnavailable, ModelFailed, PoisonItem
from streams.inference.metrics import MODEL_RELOADS
from streams.inference.server import TritonServer
from streams.inference.trial import TIMED_OUT

__all__ = ["READY", "Answer", "ModelClient", "check_models"]

READY = "READY"
"""State of a version in the server's index that answers requests."""

# What Triton 2.51 says, found out with a model that misbehaves (tests/integration/test_inference_failures.py):
#   INVALID_ARGUMENT    a wrong name, type or shape, or a batch that is too large.
#   NOT_FOUND           the model is unknown, or "has no available versions": it is being loaded, or that failed; or the
#                       version that was named is not there.
#   INTERNAL            the model raised: for all requests that the server joined. Or its process died: from then on,
#                       after a second, for every request; `ModelReady` says yes all the while.
#   UNAVAILABLE         the connection is lost or refused; or the version that was named is being loaded or unloaded.
#   DEADLINE_EXCEEDED   our own deadline.
_REFUSED = frozenset({"StatusCode.INVALID_ARGUMENT"})
_UNKNOWN_MODEL = frozenset({"StatusCode.NOT_FOUND", "StatusCode.UNIMPLEMENTED"})
_NOT_LOADED = re.compile(r"has no available versions|version \d+ is not (?:found|at ready state)")
_OVERDUE = "StatusCode.DEADLINE_EXCEEDED"
_NO_ANSWER = frozenset({"StatusCode.UNAVAILABLE", "StatusCode.CANCELLED", _OVERDUE})
_GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own for each model
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to one batch.

    Attributes:
        outputs: output name -> array with the batch dimension first.
        model_version: the version that answered.
    """

    outputs: Mapping[str, npt.NDArray[Any]]
    model_version: str


class ModelClient:
    """Asks one model. Belongs to one event loop; close it, or use it as an async context manager.

    Attributes:
        name: of the model in the repository.
        spec: the contract that it must honour.
        server: that serves it.
    """

    def __init__(self, server: TritonServer, spec: ModelSpec, *, timeout_s: float, name: str | None = None) -> None:
        """Open a channel; nothing is sent yet.

        Args:
            server: shared by all clients of the same Triton: its circuit breaker keeps calls away while it is gone.
            spec: the contract that the model must honour.
            timeout_s: longest wait for one answer.
            name: of the model in the repository, where it differs from the spec's.
        """
        self.name = name or spec.name
        self.spec = spec
        self.server = server
        self._address = server.address
        self._timeout_s = timeout_s
        self._client = InferenceServerClient(server.address, channel_args=list(_GRPC_OPTIONS))
        self._types = {tensor.name: tensor.dtype for tensor in spec.inputs}
        self._shapes = {tensor.name: tensor.shape for tensor in spec.outputs}

    async def __aenter__(self) -> Self:
        """Use within a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self.close()

    async def close(self) -> None:
        """Close the channel. Idempotent."""
        await self._client.close()

    async def infer(
        self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str], version: int | None = None
    ) -> Answer:
        """Ask for one batch.

        Args:
            inputs: input name -> array with the batch dimension first.
            outputs: names of the outputs that are wanted; others are not sent.
            version: that is to answer; None leaves it to the server.

        Raises:
            PoisonItem: the server refuses this input (`encode.refused`).
            ModelFailed: the server answers with an error that is not about the request.
            DependencyUnavailable: no answer, or not in time (code `TIMED_OUT`), or the circuit is open (code `UNSENT`).
            ContractBroken: the model is unknown, or answers other shapes than its spec.
        """
        request = []
        for name, array in inputs.items():
            tensor = InferInput(name, list(array.shape), self._types[name])
            tensor.set_data_from_numpy(array)
            request.append(tensor)
        wanted = [InferRequestedOutput(name) for name in outputs]
        ask = partial(self._client.infer, self.name, request, model_version=_text(version), outputs=wanted)
        result = await self._call(ask)
        answered = {name: result.as_numpy(name) for name in outputs}
        rows = len(next(iter(inputs.values())))
        for name, array in answered.items():
            expected = (rows, *self._shapes[name])
            if array is None or not _fits(array.shape, expected):
                got = "nothing" if array is None else f"shape {list(array.shape)}"
                raise ContractBroken(
                    f"model {self.name} at {self._address}: output {name}: expected shape {list(expected)}, got {got}; "
                    "if Triton serves another repository than before, start the workers again; otherwise build the "
                    "repository again with `braid models build`",
                    code="model.shape",
                )
        return Answer(answered, result.get_response().model_version)

    async def check(self, version: int | None = None) -> None:
        """Compare the served model's inputs and outputs with the spec.

        Args:
            version: that is looked at; None leaves it to the server.

        Raises:
            ContractBroken: they differ; shows both.
            DependencyUnavailable: the server or the model is not ready.
        """
        metadata = await self._call(partial(self._client.get_model_metadata, self.name, _text(version)))
        for kind, served, expected in (
            ("inputs", metadata.inputs, self.spec.inputs),
            ("outputs", metadata.outputs, self.spec.outputs),
        ):
            got = sorted((tensor.name, tensor.datatype, tuple(tensor.shape)[1:]) for tensor in served)
            want = sorted((tensor.name, tensor.dtype, tensor.shape) for tensor in expected)
            if got != want:
                raise ContractBroken(
                    f"model {self.name} at {self._address} has {kind} {got}, expected {want}; "
                    "serve a repository made by `braid models build`",
                    code="model.signature",
                )

    async def signature(self, version: int) -> Signature:
        """What a version takes and gives, as the server tells it.

        Raises:
            DependencyUnavailable: the server or the version is not ready.
        """
        metadata = await self._call(partial(self._client.get_model_metadata, self.name, _text(version)))
        inputs, outputs = (
            [Tensor(tensor.name, tensor.datatype, tuple(tensor.shape)[1:]) for tensor in tensors]
            for tensors in (metadata.inputs, metadata.outputs)
        )
        return Signature.of(inputs, outputs)

    async def configuration(self) -> Any:
        """How the model is configured, whatever its version: a `ModelConfig` of Triton's protocol.

        Raises:
            DependencyUnavailable: the server or the model is not ready.
        """
        return (await self._call(partial(self._client.get_model_config, self.name))).config

    async def newest_version(self) -> int:
        """The highest version that is loaded.

        Raises:
            DependencyUnavailable: the server does not answer, or none is loaded.
        """
        index = (await self._call(self._client.get_model_repository_index)).models
        loaded = [int(entry.version) for entry in index if entry.name == self.name and entry.state == READY]
        if not loaded:
            raise ModelFailed(f"model {self.name} at {self._address}: no version is loaded")
        return max(loaded)

    async def reload(self) -> None:
        """Have the server unload the model, with the parts of an ensemble, and load it: the cure when its process died.

        Loading alone does nothing where the files are the same. Needs a server with `--model-control-mode=explicit`;
        that it was refused or failed is logged, no more.
        """
        parts = [step.model for step in self.spec.steps]
        try:
            for name in (self.name, *parts):
                await self._call(partial(self._client.unload_model, name))
            for name in (*parts, self.name):
                await self._call(partial(self._client.load_model, name))
        except BraidError as error:
            log.warning("model_not_reloaded", model=self.name, reason=str(error))
        else:
            MODEL_RELOADS.labels(self.name).inc()
            log.warning("model_reloaded", model=self.name)

    async def _call(self, send: Callable[..., Awaitable[Any]]) -> Any:
        async def attempt() -> Any:
            try:
                return await send(client_timeout=self._timeout_s)
            except InferenceServerException as error:
                raise self._explain(error) from error

        return await self.server.breaker.call(attempt)

    def _explain(self, error: InferenceServerException) -> BraidError:
        status, reason = error.status(), error.message()
        where = f"model {self.name} at {self._address}"
        if status in _REFUSED:
            return PoisonItem(f"{where} refused the input: {reason}", code="encode.refused", stage="encode")
        if _NOT_LOADED.search(reason):
            return ModelFailed(f"{where} is not loaded: {reason}")
        if status in _UNKNOWN_MODEL:
            return ContractBroken(
                f"{where}: {reason}; serve a repository made by `braid models build`", code="model.unknown"
            )
        if status in _NO_ANSWER:
            code = TIMED_OUT if status == _OVERDUE else "triton"
            return DependencyUnavailable(f"{where} does not answer: {status}: {reason}", code=code)
        return ModelFailed(f"{where} failed: {status}: {reason}")


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether an array is of a shape in which -1 stands for any length."""
    return len(shape) == len(expected) and all(size in (own, -1) for own, size in zip(shape, expected, strict=True))


def _text(version: int | None) -> str:
    """A version as the protocol writes it: empty where the server chooses."""
    return "" if version is None else str(version)


async def check_models(clients: Sequence[ModelClient]) -> None:
    """Check every model before the first item is sent.

    Raises:
        ContractBroken: a served model differs from its spec.
        DependencyUnavailable: the server, or a model, is not ready.
    """
    for client in clients:
        await client.check()
