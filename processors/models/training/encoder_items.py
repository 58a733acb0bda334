"""Single frames, chunks and lines of labelled recordings: what an encoder learns from."""

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch.utils.data import Dataset

from processors.datasets.recordings import Recording, RecordingFolder
from processors.modality import Modality
from processors.models.local_encoders import MAX_DECODED_BYTES
from processors.models.training.recordings import ItemReader, cut_seconds
from processors.transcript import decode_transcript
from processors.video import decode_frame

__all__ = ["DrawnItems", "EncoderInputs", "LabelledItem", "draw_items", "make_inputs"]

EncoderInputs = Callable[[bytes], tuple[torch.Tensor, ...]]
"""Payload of an item to what its encoder takes, without the first axis."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledItem:
    """One item.

    Attributes:
        payload: as in a `RecordedItem`.
        labels: float32 [C], 1 for what happens while the item is there.
    """

    payload: bytes
    labels: npt.NDArray[np.float32]


class DrawnItems(Dataset[Any]):
    """Items as an encoder takes them, decoded when they are asked for.

    Args:
        items: of one modality.
        inputs: of its encoder.
    """

    def __init__(self, items: list[LabelledItem], inputs: EncoderInputs) -> None:
        self._items = items
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, ...]:
        item = self._items[number]
        return (*self._inputs(item.payload), torch.from_numpy(item.labels))

    @property
    def labels(self) -> torch.Tensor:
        """Float32 [N, C]."""
        return torch.from_numpy(np.stack([item.labels for item in self._items]))


def draw_items(
    folder: RecordingFolder,
    names: Collection[str],
    limits: Mapping[Modality, int],
    read: ItemReader,
    seed: int,
    told: Callable[[str], None],
) -> dict[Modality, list[LabelledItem]]:
    """Draw items at random: of each modality half in which something happens, half in which nothing does.

    An item is an example of an event that fills half of it, or that it holds whole; it is left out where an event only
    touches it. No more is held at a time than is drawn.

    Args:
        folder: with labels.
        names: recordings to draw from, as the windows name them.
        limits: modality -> how many, at most.
        read: of the media files.
        seed: of the draw.
        told: is told which recording is next.
    """
    # One for each, so that what is drawn of one does not depend on the others.
    rngs = {modality: np.random.default_rng([seed, number]) for number, modality in enumerate(Modality)}
    drawn: dict[tuple[Modality, bool], list[tuple[float, int, LabelledItem]]] = {
        (modality, happens): [] for modality in limits for happens in (True, False)
    }
    count = 0
    chosen = [each for each in folder.recordings if folder.name_of(each) in names]
    for number, recording in enumerate(chosen, start=1):
        told(f"drawing items of {recording.path.name} ({number}/{len(chosen)})")
        for item in read(recording.path):
            if item.modality not in limits:
                continue
            labels = _label(recording, folder.classes, item.start_ms, max(item.end_ms, item.start_ms + 1))
            if labels is None:
                continue
            # Those with the highest of random numbers stay: any item has the same chance, however many there are.
            count += 1
            kept = drawn[item.modality, bool(labels.any())]
            heapq.heappush(kept, (rngs[item.modality].random(), count, LabelledItem(item.payload, labels)))
            if len(kept) > (limits[item.modality] + 1) // 2:
                heapq.heappop(kept)
    return {
        modality: [item for happens in (True, False) for _, _, item in sorted(drawn[modality, happens], key=_order)]
        for modality in limits
    }


def make_inputs(modality: Modality, tokenizer: Tokenizer | None, payloads: Iterable[bytes]) -> EncoderInputs:
    """What turns payloads into inputs.

    Args:
        modality: whose.
        tokenizer: for transcripts alone.
        payloads: all that it will be asked for; lines are filled up to the longest of them, so that they fit one batch.
    """
    if modality is Modality.VIDEO:
        return _see
    if tokenizer is None:
        return _hear
    tokenizer.no_padding()
    longest = max((len(tokenizer.encode(_words(payload)).ids) for payload in payloads), default=1)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]") or 0, length=longest)

    def read(payload: bytes) -> tuple[torch.Tensor, ...]:
        encoding = tokenizer.encode(_words(payload))
        return torch.tensor(encoding.ids), torch.tensor(encoding.attention_mask)

    return read


def _see(payload: bytes) -> tuple[torch.Tensor, ...]:
    return (torch.from_numpy(decode_frame(payload, max_decoded_bytes=MAX_DECODED_BYTES).pixels),)


def _words(payload: bytes) -> str:
    return decode_transcript(payload, "application/json").text.strip()


def _hear(payload: bytes) -> tuple[torch.Tensor, ...]:
    """The second in the middle of a chunk."""
    seconds = cut_seconds(payload)
    return (torch.from_numpy(seconds[len(seconds) // 2]),)


def _label(
    recording: Recording, classes: tuple[str, ...], start_ms: int, end_ms: int
) -> npt.NDArray[np.float32] | None:
    labels = np.zeros(len(classes), np.float32)
    for event in recording.events:
        shared_ms = min(event.end_ms, end_ms) - max(event.start_ms, start_ms)
        if shared_ms <= 0:
            continue
        if 2 * shared_ms < min(end_ms - start_ms, 2 * (event.end_ms - event.start_ms)):
            return None
        labels[classes.index(event.event_class)] = 1
    return labels


def _order(entry: tuple[float, int, LabelledItem]) -> int:
    return entry[1]
