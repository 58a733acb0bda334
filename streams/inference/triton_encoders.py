"""The encoders of a Triton, asked from a program that has no event loop of its own."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from processors.models.spec import AUDIO_ENCODER, TEXT_ENCODER, VIDEO_ENCODER
from streams.inference.client import ModelClient, check_models
from streams.inference.served import read_served
from streams.inference.server import TritonServer

__all__ = ["TritonEncoders"]

Array = npt.NDArray[Any]


class TritonEncoders:
    """Items to embeddings (`processors.models.observing.ItemEncoders`), one request at a time; use within a block.

    Args:
        address: `host:port` of the gRPC endpoint.
        names: of the video, audio and text encoder and of the fusion model in the repository.
        max_batch: items in one request at most.
        timeout_s: longest wait for one answer.
    """

    def __init__(self, address: str, names: tuple[str, str, str, str], *, max_batch: int, timeout_s: float) -> None:
        self._server = TritonServer(address)
        self._names = names
        self._max_batch = max_batch
        self._timeout_s = timeout_s
        self._runner = asyncio.Runner()
        self._clients = AsyncExitStack()

    def __enter__(self) -> Self:
        """Connect, and compare what is served with what is expected.

        Raises:
            ContractBroken: a model is unknown, or differs from its spec.
            DependencyUnavailable: the server, or a model, is not ready.
        """
        self._runner.__enter__()
        try:
            self._runner.run(self._connect())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channels."""
        self._runner.run(self._clients.aclose())
        self._runner.close()

    def encode_pictures(
        self, squares: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]:
        """Embeddings [N, D] and cells [N, R, C, K] of frames, uint8 [N, 224, 224, 3] RGB."""
        answer = self._ask(self._video, squares, ("embedding", "cells"))
        return answer["embedding"], answer["cells"]

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Embeddings [N, D] of seconds of mono sound, float32 [N, 16000]."""
        return self._ask(self._audio, seconds, ("embedding",))["embedding"]

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        """Embeddings [N, D] of lines of text."""
        texts = np.array([[line.encode()] for line in lines], np.object_)
        return self._ask(self._text, texts, ("embedding",))["embedding"]

    async def _connect(self) -> None:
        *encoders, fusion = self._names
        specs = (await read_served(self._server, fusion, timeout_s=self._timeout_s)).make_specs()
        clients = [
            await self._clients.enter_async_context(
                ModelClient(self._server, specs[model], timeout_s=self._timeout_s, name=name)
            )
            for model, name in zip((VIDEO_ENCODER.name, AUDIO_ENCODER.name, TEXT_ENCODER.name), encoders, strict=True)
        ]
        await check_models(clients)
        self._video, self._audio, self._text = clients

    def _ask(self, client: ModelClient, items: Array, outputs: tuple[str, ...]) -> Mapping[str, Array]:
        size = min(self._max_batch, client.spec.max_batch_size)
        batches = [items[first : first + size] for first in range(0, len(items), size)]
        answers = [
            self._runner.run(client.infer({client.spec.inputs[0].name: batch}, outputs)).outputs for batch in batches
        ]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in outputs}
