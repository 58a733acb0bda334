"""One model on Triton, asked over gRPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy.typing as npt
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from processors.models.spec import ModelSpec
from streams.errors import ContractBroken, DependencyUnavailable, PoisonItem

__all__ = ["Answer", "ModelClient", "check_models"]

_REFUSED = frozenset({"StatusCode.INVALID_ARGUMENT"})
_UNKNOWN_MODEL = frozenset({"StatusCode.NOT_FOUND", "StatusCode.UNIMPLEMENTED"})
_GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own for each model
)


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
    """Asks one model. Belongs to one event loop; close it, or use it as an async context manager."""

    def __init__(self, address: str, spec: ModelSpec, *, timeout_s: float, name: str | None = None) -> None:
        """Open a channel; nothing is sent yet.

        Args:
            address: `host:port` of Triton's gRPC endpoint.
            spec: the contract that the model must honour.
            timeout_s: longest wait for one answer.
            name: of the model in the repository, where it differs from the spec's.
        """
        self.name = name or spec.name
        self._spec = spec
        self._address = address
        self._timeout_s = timeout_s
        self._client = InferenceServerClient(address, channel_args=list(_GRPC_OPTIONS))
        self._types = {tensor.name: tensor.dtype for tensor in spec.inputs}

    async def __aenter__(self) -> Self:
        """Use within a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channel."""
        await self.close()

    async def close(self) -> None:
        """Close the channel. Idempotent."""
        await self._client.close()

    async def infer(self, inputs: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str]) -> Answer:
        """Ask for one batch.

        Args:
            inputs: input name -> array with the batch dimension first.
            outputs: names of the outputs that are wanted; others are not sent.

        Raises:
            PoisonItem: the server refuses this input (`encode.refused`).
            DependencyUnavailable: no answer, or not in time.
            ContractBroken: the model is unknown, or answers other shapes than its spec.
        """
        request = []
        for name, array in inputs.items():
            tensor = InferInput(name, list(array.shape), self._types[name])
            tensor.set_data_from_numpy(array)
            request.append(tensor)
        wanted = [InferRequestedOutput(name) for name in outputs]
        try:
            result = await self._client.infer(self.name, request, outputs=wanted, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise self._explain(error) from error
        answered = {name: result.as_numpy(name) for name in outputs}
        rows = len(next(iter(inputs.values())))
        for name, array in answered.items():
            if array is None or len(array) != rows:
                got = "nothing" if array is None else f"shape {list(array.shape)}"
                raise ContractBroken(
                    f"model {self.name} at {self._address}: output {name}: expected {rows} rows, got {got}; "
                    "rebuild the repository with `braid models build`",
                    code="model.shape",
                )
        return Answer(answered, result.get_response().model_version)

    async def check(self) -> None:
        """Compare the served model's inputs and outputs with the spec.

        Raises:
            ContractBroken: they differ; shows both.
            DependencyUnavailable: the server or the model is not ready.
        """
        try:
            metadata = await self._client.get_model_metadata(self.name, client_timeout=self._timeout_s)
        except InferenceServerException as error:
            raise self._explain(error) from error
        for kind, served, expected in (
            ("inputs", metadata.inputs, self._spec.inputs),
            ("outputs", metadata.outputs, self._spec.outputs),
        ):
            got = sorted((tensor.name, tensor.datatype, tuple(tensor.shape)[1:]) for tensor in served)
            want = sorted((tensor.name, tensor.dtype, tensor.shape) for tensor in expected)
            if got != want:
                raise ContractBroken(
                    f"model {self.name} at {self._address} has {kind} {got}, expected {want}; "
                    "serve a repository made by `braid models build`",
                    code="model.signature",
                )

    def _explain(self, error: InferenceServerException) -> Exception:
        status, reason = error.status(), error.message()
        where = f"model {self.name} at {self._address}"
        if status in _REFUSED:
            return PoisonItem(f"{where} refused the input: {reason}", code="encode.refused", stage="encode")
        if status in _UNKNOWN_MODEL:
            return ContractBroken(
                f"{where}: {reason}; serve a repository made by `braid models build`", code="model.unknown"
            )
        return DependencyUnavailable(f"{where} does not answer: {status}: {reason}", code="triton")


async def check_models(clients: Sequence[ModelClient]) -> None:
    """Check every model before the first item is sent.

    Raises:
        ContractBroken: a served model differs from its spec.
        DependencyUnavailable: the server, or a model, is not ready.
    """
    for client in clients:
        await client.check()
