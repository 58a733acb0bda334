"""What the models that a Triton serves are about, as the configuration of its fusion model says."""

from processors.errors import ModelError
from processors.models.served import ServedFacts, read_parameters
from processors.models.spec import CONTRIBUTION_ORDER, FUSION
from streams.errors import ContractBroken
from streams.inference.client import ModelClient
from streams.inference.server import TritonServer

__all__ = ["read_served"]

_MEND = "serve a repository made by `braid models build`"


async def read_served(server: TritonServer, name: str, *, timeout_s: float) -> ServedFacts:
    """Ask once; what is served changes with the repository, and then workers are started again.

    Args:
        server: the Triton.
        name: of the fusion model in its repository.
        timeout_s: longest wait for the answer.

    Raises:
        ContractBroken: the model does not say which classes it answers or from which thresholds on, says it wrongly, or
            takes no embeddings of a modality.
        DependencyUnavailable: the server or the model is not ready.
    """
    async with ModelClient(server, FUSION, timeout_s=timeout_s, name=name) as client:
        await client.newest_version()  # asked for its configuration, a model that is not loaded is said to be unknown
        configuration = await client.configuration()
    where = f"model {name} at {server.address}"
    shapes = {tensor.name: tuple(tensor.dims) for tensor in configuration.input}
    wrong = [modality for modality in CONTRIBUTION_ORDER if len(shapes.get(modality, ())) != 2]
    if wrong:
        raise ContractBroken(
            f"{where} has the inputs {shapes}, expected items [T, D] of {', '.join(wrong)}; {_MEND}",
            code="model.signature",
        )
    dims = {modality: shapes[modality][1] for modality in CONTRIBUTION_ORDER}
    parameters = {key: parameter.string_value for key, parameter in configuration.parameters.items()}
    try:
        return read_parameters(parameters, dims)
    except ModelError as error:
        raise ContractBroken(f"{where}: {error}; {_MEND}", code="model.classes") from error
