"""What the models that a Triton serves are about, as the configuration of its fusion model says."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from tritonclient.grpc import model_config_pb2

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.served import ServedFacts, read_items, read_parameters
from processors.models.spec import FUSION, DType, ModelSpec, TensorSpec, make_specs
from streams.errors import ContractBroken
from streams.inference.client import ModelClient
from streams.inference.server import TritonServer

__all__ = ["read_embedding_dims", "read_served"]

_MEND = "serve a repository made by `braid models build`"


async def read_served(server: TritonServer, name: str, *, timeout_s: float) -> ServedFacts:
    """Ask once; what is served changes with the repository, and then workers are started again.

    Args:
        server: the Triton.
        name: of the fusion model in its repository.
        timeout_s: longest wait for the answer.

    Raises:
        ContractBroken: the model does not say which classes it answers or from which thresholds on, says it wrongly, or
            takes a modality's items in a way that is not known.
        DependencyUnavailable: the server or the model is not ready.
    """
    async with ModelClient(server, FUSION, timeout_s=timeout_s, name=name) as client:
        await client.newest_version()  # asked for its configuration, a model that is not loaded is said to be unknown
        configuration = await client.configuration()
    where = f"model {name} at {server.address}"
    try:
        dims, raw = read_items(_tensors(configuration.input))
    except ModelError as error:
        raise ContractBroken(f"{where}: {error}; {_MEND}", code="model.signature") from error
    parameters = {key: parameter.string_value for key, parameter in configuration.parameters.items()}
    try:
        return read_parameters(parameters, dims, raw, configuration.max_batch_size)
    except ModelError as error:
        raise ContractBroken(f"{where}: {error}; {_MEND}", code="model.classes") from error


async def read_embedding_dims(
    server: TritonServer, names: Mapping[Modality, str], *, timeout_s: float
) -> dict[Modality, int]:
    """Ask encoders how long their embeddings are, where no fusion model says so.

    Args:
        server: the Triton.
        names: modality -> name of its encoder in the repository.
        timeout_s: longest wait for an answer.

    Raises:
        ContractBroken: an encoder is not served, or gives no embeddings.
        DependencyUnavailable: the server or an encoder is not ready.
    """
    specs = make_specs()
    return {
        modality: await _embedding_dim(server, specs[f"{modality}_encoder"], name, timeout_s)
        for modality, name in names.items()
    }


async def _embedding_dim(server: TritonServer, spec: ModelSpec, name: str, timeout_s: float) -> int:
    async with ModelClient(server, spec, timeout_s=timeout_s, name=name) as client:
        configuration = await client.configuration()
    [wanted, *_] = spec.outputs
    found = {tensor.name: tensor for tensor in _tensors(configuration.output)}.get(wanted.name)
    if found is None or found.dtype != wanted.dtype or len(found.shape) != 1 or found.shape[0] < 1:
        raise ContractBroken(
            f"model {name} at {server.address} gives {found or f'no {wanted.name}'}, expected {wanted.name} "
            f"{wanted.dtype} [D]; {_MEND}",
            code="model.signature",
        )
    return found.shape[0]


def _tensors(tensors: Iterable[Any]) -> list[TensorSpec]:
    """Inputs or outputs of a Triton configuration; a type that no model of ours has keeps its name."""
    return [
        TensorSpec(
            tensor.name,
            cast("DType", model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")),
            tuple(tensor.dims),
        )
        for tensor in tensors
    ]
