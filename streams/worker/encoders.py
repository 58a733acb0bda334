"""From an item's payload to its content: decoding in threads, encoding in micro-batches over all sources."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import structlog

from processors.audio import Pcm, decode_audio, pieces, resample
from processors.errors import DecodeError
from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import AUDIO_ENCODER, AUDIO_RATE_HZ, TEXT_ENCODER, VIDEO_ENCODER, ModelSpec
from processors.normality import SeenFrame
from processors.normality.sound_measures import measure_sound
from processors.normality.thumbnails import make_thumbnail
from processors.transcript import decode_transcript
from processors.video import Frame, decode_frame
from streams.errors import PoisonItem
from streams.inference import Line, MicroBatcher, ModelClient, Trial, TritonServer
from streams.records import Item
from streams.settings import Settings
from streams.worker.metrics import STAGE_SECONDS
from streams.worker.readiness import Readiness

__all__ = ["Content", "Embedded", "Encoded", "Encoder", "ItemEncoders", "Sound", "encoder_names", "joined_versions"]

R = TypeVar("R")

log = structlog.get_logger(__name__)

_CELLS: Final = "cells"
_SPECS: Final = MappingProxyType(
    {Modality.VIDEO: VIDEO_ENCODER, Modality.AUDIO: AUDIO_ENCODER, Modality.TRANSCRIPT: TEXT_ENCODER}
)
_NO_EMBEDDING: Final = np.zeros(0, np.float32)
_BATCHES_WAITING = 4  # as many batches as keep the line busy; the worker's byte budget bounds what waits before it


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """What a baseline wants to know of a chunk beside its embedding: the seconds that cover it, as `pieces` cuts them.

    Attributes:
        embeddings: float32 [P, D].
        measures: float32 [P, M], see `measure_sound`.
    """

    embeddings: npt.NDArray[np.float32]
    measures: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What is kept of an item once it is encoded: kilobytes, whatever the payload's size; or decoded, where it is raw.

    Attributes:
        embedding: float32 [D] of the item's modality; [0] where it is raw.
        samples: of sound, at the rate that it came with.
        sample_rate_hz: of sound, as it came; 0 for other modalities.
        text: of a transcript segment.
        model_version: of the encoder that embedded it; "1, 2" where the seconds of a sound met two; empty where it is
            raw.
        raw: what the fusion model takes instead of an embedding: the pixels of a frame, uint8 [1, 224, 224, 3], or the
            seconds of a sound, float32 [P, 16000], as `pieces` cuts them; None where it takes the embedding.
        seen: a frame as its source's baseline looks at it, where it has one; the same object in every window.
        sound: of a chunk, where the source has a baseline.
    """

    embedding: npt.NDArray[np.float32]
    samples: int = 0
    sample_rate_hz: int = 0
    text: str = ""
    model_version: str = ""
    raw: npt.NDArray[Any] | None = None
    seen: SeenFrame | None = None
    sound: Sound | None = None

    @property
    def held_bytes(self) -> int:
        """What it takes in memory."""
        arrays: list[npt.NDArray[Any]] = [self.embedding]
        if self.raw is not None:
            arrays.append(self.raw)
        if self.seen is not None:
            arrays += [self.seen.cells, self.seen.thumbnail]
        if self.sound is not None:
            arrays += [self.sound.embeddings, self.sound.measures]
        return sum(array.nbytes for array in arrays) + len(self.text.encode())


class Embedded(NamedTuple):
    """What an encoder answers to one row.

    Attributes:
        embedding: float32 [D].
        model_version: the version that answered.
        cells: float16 [R, C, K] of a frame, where they are wanted.
    """

    embedding: npt.NDArray[np.float32]
    model_version: str
    cells: npt.NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One item of a window with its content."""

    item: Item
    content: Content


class Encoder:
    """One encoder model behind a micro-batcher; owns its channel."""

    def __init__(
        self,
        client: ModelClient,
        spec: ModelSpec,
        settings: Settings,
        readiness: Readiness,
        *,
        wants_cells: bool = False,
    ) -> None:
        """Put `client` behind a batcher with the bounds of `settings.triton`.

        Args:
            client: of the encoder.
            spec: of the encoder; its first output is the embedding.
            settings: with the bounds of `triton`.
            readiness: told when Triton is away.
            wants_cells: whether it is asked for `cells`, too.
        """
        self.client = client
        self._input = spec.inputs[0].name
        self._outputs = [spec.outputs[0].name, *([_CELLS] if wants_cells else ())]
        good = spec.sample()[self._input][0]
        trial = Trial(
            Line(
                model=client.name,
                stage="encode",
                ask=self._ask,
                good=good,
                full_batch=spec.max_batch_size,
                until_available=partial(readiness.until_available, "triton"),
                reload=client.reload,
                gate=client.server.gate,
            )
        )
        bounds = settings.triton
        self._batcher: MicroBatcher[npt.NDArray[Any], Embedded] = MicroBatcher(
            trial.answer,
            max_batch=min(bounds.max_batch, spec.max_batch_size),
            max_in_flight=bounds.max_in_flight,
            capacity=bounds.max_batch * bounds.max_in_flight * _BATCHES_WAITING,
        )

    async def encode(self, row: npt.NDArray[Any]) -> Embedded:
        """Embed one row, without the batch dimension.

        Raises:
            PoisonItem: the model refuses this row (`encode.refused`), fails on it, also when it is asked for it alone
                (`encode.failed`; see `Trial` for what that takes), or its answer is not finite (`encode.not_finite`).
        """
        answer = await self._batcher.submit(row)
        parts = (answer.embedding,) if answer.cells is None else (answer.embedding, answer.cells)
        if not all(np.isfinite(part).all() for part in parts):
            raise PoisonItem(
                f"model {self.client.name} answered an embedding that is not finite",
                code="encode.not_finite",
                stage="encode",
            )
        return answer

    async def close(self) -> None:
        """End what is under way and close the channel."""
        await self._batcher.close()
        await self.client.close()

    async def _ask(self, rows: Sequence[npt.NDArray[Any]]) -> Sequence[Embedded]:
        batch = rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)
        answer = await self.client.infer({self._input: batch}, self._outputs)
        embeddings = answer.outputs[self._outputs[0]]
        cells = answer.outputs[_CELLS] if _CELLS in answer.outputs else [None] * len(embeddings)
        return [Embedded(row, answer.model_version, own) for row, own in zip(embeddings, cells, strict=True)]


class ItemEncoders:
    """Turns the items of all modalities into their content; what the fusion model takes raw is only decoded."""

    def __init__(
        self, server: TritonServer, served: ServedFacts, settings: Settings, readiness: Readiness, executor: Executor
    ) -> None:
        """Open one channel per encoder that is needed.

        Args:
            server: the Triton that serves them.
            served: what the models are about.
            settings: bounds, timeouts and names of models.
            readiness: told when Triton is away.
            executor: threads for decoding.
        """
        self._executor = executor
        self._settings = settings
        self._max_decoded_bytes = settings.limits.max_decoded_bytes

        specs = served.make_specs()
        names = encoder_names(settings)

        def encoder(modality: Modality) -> Encoder:
            spec = specs[_SPECS[modality].name]
            client = ModelClient(server, spec, timeout_s=settings.triton.timeout_s, name=names[modality])
            wants_cells = modality is Modality.VIDEO and settings.judges_any_source
            return Encoder(client, spec, settings, readiness, wants_cells=wants_cells)

        self.by_modality: Mapping[Modality, Encoder] = {
            modality: encoder(modality) for modality in Modality if modality not in served.raw
        }
        """The encoder of each modality; one that is raw has none."""

    @property
    def names(self) -> dict[Modality, str]:
        """The name in the repository of each modality's encoder."""
        return {modality: encoder.client.name for modality, encoder in self.by_modality.items()}

    async def encode(self, item: Item) -> Content:
        """Decode and encode one item.

        Raises:
            PoisonItem: its payload cannot be decoded, or its model refuses it or fails on it.
        """
        started = perf_counter()
        encode = {Modality.VIDEO: self._video, Modality.AUDIO: self._audio, Modality.TRANSCRIPT: self._transcript}
        content = await encode[item.modality](item)
        STAGE_SECONDS.labels("encode").observe(perf_counter() - started)
        return content

    async def close(self) -> None:
        """End what is under way and close the channels."""
        await asyncio.gather(*(encoder.close() for encoder in self.by_modality.values()))

    async def _video(self, item: Item) -> Content:
        decode = partial(_decode_picture, item.payload, self._max_decoded_bytes, small_too=self._is_judged(item))
        frame, thumbnail = await self._decode(decode)
        encoder = self.by_modality.get(Modality.VIDEO)
        if encoder is None:
            return Content(_NO_EMBEDDING, raw=frame.pixels[np.newaxis])
        embedding, version, cells = await encoder.encode(frame.pixels)
        seen = None
        if thumbnail is not None and cells is not None:
            seen = SeenFrame(item.start_ms, embedding, cells, thumbnail)
        return Content(embedding, model_version=version, seen=seen)

    async def _audio(self, item: Item) -> Content:
        decode = partial(_decode_sound, item, self._max_decoded_bytes, measured_too=self._is_judged(item))
        pcm, seconds, measures = await self._decode(decode)
        encoder = self.by_modality.get(Modality.AUDIO)
        if encoder is None:
            return Content(_NO_EMBEDDING, len(pcm.samples), pcm.sample_rate_hz, raw=seconds)
        answers = await asyncio.gather(*(encoder.encode(second) for second in seconds))
        embeddings = [answer.embedding for answer in answers]
        mean = embeddings[0] if len(embeddings) == 1 else np.mean(embeddings, axis=0, dtype=np.float32)
        return Content(
            mean,
            samples=len(pcm.samples),
            sample_rate_hz=pcm.sample_rate_hz,
            model_version=joined_versions(answer.model_version for answer in answers),
            sound=None if measures is None else Sound(np.stack(embeddings), measures),
        )

    async def _transcript(self, item: Item) -> Content:
        segment = await self._decode(partial(decode_transcript, item.payload, item.content_type))
        text = segment.text.strip()
        embedding, version, _ = await self.by_modality[Modality.TRANSCRIPT].encode(
            np.array([text.encode()], dtype=np.object_)
        )
        return Content(embedding, text=text, model_version=version)

    def _is_judged(self, item: Item) -> bool:
        """Whether its source's baseline looks at it; it knows embeddings, so that it does not see what is raw."""
        return item.modality in self.by_modality and self._settings.for_source(item.source_id).baseline.enabled

    async def _decode(self, decode: Callable[[], R]) -> R:
        """Run a decoder in a thread: the only place where its errors become poison items."""
        started = perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, partial(_guarded, decode))
        except DecodeError as error:
            raise PoisonItem(str(error), code=error.code, stage="decode") from error
        finally:
            STAGE_SECONDS.labels("decode").observe(perf_counter() - started)


def encoder_names(settings: Settings) -> dict[Modality, str]:
    """The name in the repository of each modality's encoder, by the settings."""
    models = settings.models
    return {
        Modality.VIDEO: models.video_encoder,
        Modality.AUDIO: models.audio_encoder,
        Modality.TRANSCRIPT: models.text_encoder,
    }


def joined_versions(versions: Iterable[str]) -> str:
    """Each version once, as a detection names them: "2", or "1, 2" where several took part."""
    return ", ".join(sorted({each for joined in versions for each in joined.split(", ")}))


def _guarded(decode: Callable[[], R]) -> R:
    """Run a decoder; whatever it makes of hostile bytes, the stream goes on."""
    try:
        return decode()
    except DecodeError:
        raise
    except Exception as error:
        log.exception("decoder_crashed")
        raise DecodeError("decode.crashed", f"the decoder crashed: {error!r}") from error


def _decode_picture(
    payload: bytes, max_decoded_bytes: int, *, small_too: bool
) -> tuple[Frame, npt.NDArray[np.uint8] | None]:
    frame = decode_frame(payload, max_decoded_bytes=max_decoded_bytes)
    return frame, make_thumbnail(frame.pixels) if small_too else None


def _decode_sound(
    item: Item, max_decoded_bytes: int, *, measured_too: bool
) -> tuple[Pcm, npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    pcm = decode_audio(
        item.payload,
        item.content_type,
        item.sample_rate_hz,
        item.channels,
        max_decoded_bytes=max_decoded_bytes,
    )
    heard = resample(pcm, AUDIO_RATE_HZ).samples
    seconds = pieces(heard)
    measures = np.stack([measure_sound(second, AUDIO_RATE_HZ) for second in seconds]) if measured_too else None
    return pcm, seconds, measures
