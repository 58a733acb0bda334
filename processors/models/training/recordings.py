"""Recordings to windows: items as ingest makes them, encoded as the pipeline encodes them."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from processors.audio import pieces
from processors.datasets.recordings import Recording, RecordingFolder
from processors.datasets.windows import WindowItems, WindowSet
from processors.modality import Modality
from processors.models.packing import find_inside, pack_items
from processors.models.spec import AUDIO_ENCODER, TEXT_ENCODER_ONNX, TEXT_TOKENIZER, VIDEO_ENCODER
from processors.models.training.plan import RecordingPlan
from processors.transcript import decode_transcript

__all__ = [
    "ItemEncoder",
    "ItemReader",
    "RecordedItem",
    "cut_recordings",
    "cut_seconds",
    "digest_models",
    "encode_payloads",
    "encode_recordings",
]

_ENCODED_AT_ONCE: Final = 64
"""Frames that are held in memory before they are encoded."""


@dataclass(frozen=True, slots=True)
class RecordedItem:
    """A frame, chunk or transcript segment of a recording.

    Attributes:
        modality: what it is.
        start_ms: from the start of the recording.
        end_ms: of a frame, its start.
        payload: JPEG, mono s16le PCM at 16 kHz, or transcript JSON.
    """

    modality: Modality
    start_ms: int
    end_ms: int
    payload: bytes


ItemReader = Callable[[Path], Iterable[RecordedItem]]
"""Gives the items of a media file, those of each modality in order of time."""


PayloadEncoder = Callable[[Modality, list[bytes]], npt.NDArray[np.float32]]
"""Payloads of one modality to rows float32 [N, D], one for each."""


class ItemEncoder(Protocol):
    """Items to embeddings.

    Attributes:
        dims: length of one item's embedding, for every modality.
    """

    dims: Mapping[Modality, int]

    def encode_frames(self, jpegs: list[bytes]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of frames."""

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of seconds of sound, float32 [N, 16000]."""

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of lines of text."""


def encode_recordings(
    folder: RecordingFolder,
    plan: RecordingPlan,
    encoder: ItemEncoder,
    read: ItemReader,
    told: Callable[[str], None],
) -> WindowSet:
    """Cut every recording into windows. One that is shorter than a window is a window.

    Args:
        folder: with labels, or with none, of which nobody knows anything.
        plan: sizes.
        encoder: of the items.
        read: of the media files.
        told: is told which recording is next.
    """
    return cut_recordings(
        folder,
        plan,
        lambda modality, payloads: encode_payloads(modality, payloads, encoder),
        encoder.dims,
        read,
        lambda place: told(f"encoding {place}"),
    )


def cut_recordings(
    folder: RecordingFolder,
    plan: RecordingPlan,
    encode: PayloadEncoder,
    dims: Mapping[Modality, int],
    read: ItemReader,
    told: Callable[[str], None],
) -> WindowSet:
    """Cut every recording into windows, whatever stands for an item.

    Args:
        folder: as for `encode_recordings`.
        plan: sizes.
        encode: makes what stands for the items; called for those of one recording after the other, in order of time.
        dims: length of it, for every modality.
        read: of the media files.
        told: is told the name and the number of the recording that is next.
    """
    names, starts_ms, labels = [], [], []
    packed: dict[Modality, list[tuple[npt.NDArray[np.float32], ...]]] = {modality: [] for modality in Modality}
    for number, recording in enumerate(folder.recordings, start=1):
        name = folder.name_of(recording)
        told(f"{recording.path.relative_to(folder.path).as_posix()} ({number}/{len(folder.recordings)})")
        items = _encode(read(recording.path), encode, dims)
        for start_ms in range(0, max(1, recording.duration_ms - plan.size_ms + 1), plan.hop_ms):
            window_ms = (start_ms, start_ms + plan.size_ms)
            names.append(name)
            starts_ms.append(start_ms)
            if folder.is_labelled:
                labels.append(_label(recording, folder.classes, window_ms, plan.least_ms))
            else:
                labels.append(np.full(len(folder.classes), np.nan, np.float32))
            for modality, (embeddings, spans_ms) in items.items():
                is_inside = find_inside(spans_ms, window_ms)
                packed[modality].append(
                    pack_items(modality, embeddings[is_inside], spans_ms[is_inside], window_ms, dims)
                )
    return WindowSet(
        classes=folder.classes,
        recordings=np.array(names),
        starts_ms=np.array(starts_ms, np.int64),
        labels=np.stack(labels),
        modalities={
            modality: WindowItems(*(np.stack(column) for column in zip(*rows, strict=True)))
            for modality, rows in packed.items()
        },
    )


def digest_models(repository: Path) -> str:
    """SHA-256 over the encoders of a repository; windows of other encoders are other windows."""
    digest = hashlib.sha256()
    for spec in (VIDEO_ENCODER, AUDIO_ENCODER, TEXT_TOKENIZER, TEXT_ENCODER_ONNX):
        for pattern in ("*.onnx*", "tokenizer.json"):
            for path in sorted((repository / spec.name / "1").glob(pattern)):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _label(
    recording: Recording, classes: Sequence[str], window_ms: tuple[int, int], least_ms: int
) -> npt.NDArray[np.float32]:
    labels = np.zeros(len(classes), np.float32)
    for event in recording.events:
        column = classes.index(event.event_class)
        shared_ms = min(event.end_ms, window_ms[1]) - max(event.start_ms, window_ms[0])
        if shared_ms >= min(least_ms, event.end_ms - event.start_ms):
            labels[column] = 1
        elif shared_ms > 0 and labels[column] != 1:
            labels[column] = np.nan
    return labels


_Encoded = dict[Modality, tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]


def _encode(items: Iterable[RecordedItem], encode: PayloadEncoder, dims: Mapping[Modality, int]) -> _Encoded:
    """Embeddings and spans of each modality."""
    spans: dict[Modality, list[tuple[int, int]]] = {modality: [] for modality in Modality}
    embeddings: dict[Modality, list[npt.NDArray[np.float32]]] = {
        modality: [np.zeros((0, dims[modality]), np.float32)] for modality in Modality
    }
    for modality, batch in _batches(items):
        spans[modality] += [(item.start_ms, item.end_ms) for item in batch]
        embeddings[modality].append(encode(modality, [item.payload for item in batch]))
    return {
        modality: (np.concatenate(embeddings[modality]), np.array(spans[modality], np.int64).reshape(-1, 2))
        for modality in Modality
    }


def _batches(items: Iterable[RecordedItem]) -> Iterator[tuple[Modality, list[RecordedItem]]]:
    waiting: dict[Modality, list[RecordedItem]] = defaultdict(list)
    for item in items:
        waiting[item.modality].append(item)
        if len(waiting[item.modality]) == _ENCODED_AT_ONCE:
            yield item.modality, waiting.pop(item.modality)
    yield from waiting.items()


def encode_payloads(modality: Modality, payloads: list[bytes], encoder: ItemEncoder) -> npt.NDArray[np.float32]:
    """Float32 [N, D] of at least one payload; a chunk is the mean of the seconds that it is made of, as in the worker.

    Args:
        modality: whose.
        payloads: as in a `RecordedItem`.
        encoder: of the items.
    """
    if modality is Modality.VIDEO:
        return encoder.encode_frames(payloads)
    if modality is Modality.TRANSCRIPT:
        return encoder.encode_lines([decode_transcript(each, "application/json").text.strip() for each in payloads])
    cut = [cut_seconds(payload) for payload in payloads]
    encoded = np.split(encoder.encode_seconds(np.concatenate(cut)), np.cumsum([len(each) for each in cut])[:-1])
    return np.stack([each.mean(axis=0) for each in encoded])


def cut_seconds(payload: bytes) -> npt.NDArray[np.float32]:
    """The seconds of a chunk, float32 [P, 16000], as the worker cuts it."""
    return pieces(np.frombuffer(payload, np.int16).astype(np.float32) / 32768)
