"""What the byte budget is told of items on their way, and which windows are answered."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import CELLS_SHAPE, EMBEDDING_DIMS
from processors.normality import SeenFrame
from processors.normality.observation import THUMBNAIL_SHAPE
from processors.normality.sound_measures import SOUND_MEASURES
from streams.align import ClosedBy, SealedBy, Window
from streams.errors import PoisonItem
from streams.records import Coverage, Detection, Item
from streams.settings import BaselineSettings, Settings
from streams.store import Finalise, Put, Status, items_digest
from streams.worker.answer import FusionAnswer
from streams.worker.answering import WindowAnswers
from streams.worker.budget import ByteBudget, ByteLedger
from streams.worker.encoders import Content, Sound
from streams.worker.judging import UNJUDGED, WindowJudgement

FRAME_BYTES, SECOND_BYTES, ENTRY_BYTES = 224 * 224 * 3, 16_000 * 4, 1_500
NO_EMBEDDING = np.zeros(0, np.float32)


class Counted(ByteBudget):
    """Remembers what is held."""

    held_bytes = 0

    def change(self, *, undecoded_bytes: int = 0, held_bytes: int = 0) -> None:
        super().change(undecoded_bytes=undecoded_bytes, held_bytes=held_bytes)
        self.held_bytes += held_bytes


@dataclass
class Bench:
    """Items on their way to windows, up to their content."""

    raw: dict[Modality, int]
    content: Content | PoisonItem | None = None
    is_judged: bool = False
    sheds: bool = False
    budget: Counted = field(default_factory=lambda: Counted(10**9, 10**6))

    def __post_init__(self) -> None:
        served = ServedFacts(EMBEDDING_DIMS, ("leak",), {"leak": 0.5}, raw=self.raw, max_batch=8)
        services = SimpleNamespace(
            served=served,
            settings=Settings(baseline=BaselineSettings(enabled=self.is_judged)),
            judge=SimpleNamespace(look_ahead=lambda *_: None),
            encoders=self,
            outbox=self,
            shedder=SimpleNamespace(sheds=lambda _: self.sheds),
            encoding_turns={modality: asyncio.Semaphore(1) for modality in Modality},
        )
        spawn = asyncio.get_running_loop().create_task
        self.answers = WindowAnswers(services, None, ByteLedger(self.budget), spawn, lambda _: None)
        self.let_go = asyncio.Event()

    async def encode(self, item: Item) -> Content | None:
        await self.let_go.wait()
        if isinstance(self.content, PoisonItem):
            raise self.content
        return self.content

    async def bury(self, record: object, error: PoisonItem) -> None:
        assert error is self.content

    async def counted(self, modality: Modality, length_ms: int = 0, payload: bytes = b"payload") -> tuple[int, int]:
        """Held bytes beside what an item costs anyway: before it is decoded, and once it is settled."""
        place = (modality, 0, 5, None, None, None, payload)
        item = Item("i", "dock-1", modality, 1_000, 1_000 + length_ms, 1_000, False, *place)
        self.answers.encode(SimpleNamespace(), item, 1)
        before = self.budget.held_bytes - ENTRY_BYTES
        self.let_go.set()
        await self.answers._entries[item].encoding
        return before, self.budget.held_bytes - ENTRY_BYTES


async def test_embeddings_are_counted_before_they_are_made():
    content = Content(np.zeros(1_280, np.float32))
    assert await Bench({}, content).counted(Modality.VIDEO) == (4 * 1_280, 4 * 1_280)
    assert await Bench({}, content).counted(Modality.AUDIO, 5_000) == (4 * 1_280, 4 * 1_280)


async def test_what_a_baseline_looks_at_is_counted_before_it_is_made():
    embedding, cells = np.zeros(1_280, np.float32), np.zeros(CELLS_SHAPE, np.float16)
    thumbnail = np.zeros(THUMBNAIL_SHAPE, np.uint8)
    frame = Content(embedding, seen=SeenFrame(0, embedding, cells, thumbnail))
    all_bytes = embedding.nbytes + cells.nbytes + thumbnail.nbytes
    assert await Bench({}, frame, is_judged=True).counted(Modality.VIDEO) == (all_bytes, all_bytes)
    seconds = Sound(np.zeros((3, 1_280), np.float32), np.zeros((3, len(SOUND_MEASURES)), np.float32))
    all_bytes = embedding.nbytes + seconds.embeddings.nbytes + seconds.measures.nbytes
    chunk = Content(embedding, 48_000, 16_000, sound=seconds)
    assert await Bench({}, chunk, is_judged=True).counted(Modality.AUDIO, 3_000) == (all_bytes, all_bytes)


async def test_a_raw_frame_is_counted_in_full_before_it_is_decoded():
    content = Content(NO_EMBEDDING, raw=np.zeros((1, 224, 224, 3), np.uint8))
    bench = Bench({Modality.VIDEO: 8}, content)
    assert await bench.counted(Modality.VIDEO) == (FRAME_BYTES, FRAME_BYTES)
    assert not bench.budget.is_full


async def test_raw_frames_fill_the_budget():
    bench = Bench({Modality.VIDEO: 8})
    for start_ms in range(10):
        place = (Modality.VIDEO, 0, start_ms, None, None, None, b"payload")
        item = Item("i", "dock-1", Modality.VIDEO, start_ms, start_ms, start_ms, False, *place)
        bench.answers.encode(SimpleNamespace(), item, 1)
    assert bench.budget.is_full


@pytest.mark.parametrize(("said_ms", "seconds_said"), [(2_500, 3), (200, 1), (0, 1)])
async def test_a_raw_sound_counts_what_its_header_says_and_then_what_it_is(said_ms, seconds_said):
    content = Content(NO_EMBEDDING, 48_000, 16_000, raw=np.zeros((3, 16_000), np.float32))
    found = await Bench({Modality.AUDIO: 4}, content).counted(Modality.AUDIO, said_ms)
    assert found == (seconds_said * SECOND_BYTES, 3 * SECOND_BYTES)


async def test_what_is_poison_or_left_out_holds_nothing():
    poison = PoisonItem("no picture", code="video.format", stage="decode")
    assert await Bench({Modality.VIDEO: 8}, poison).counted(Modality.VIDEO) == (FRAME_BYTES, 0)
    assert await Bench({Modality.VIDEO: 8}, sheds=True).counted(Modality.VIDEO) == (FRAME_BYTES, 0)


async def test_words_count_their_text():
    content = Content(np.zeros(384, np.float32), text="help")
    assert await Bench({}, content).counted(Modality.TRANSCRIPT, payload=b"help") == (4 * 384 + 4, 4 * 384 + 4)


class Stored:
    """A store that knows some windows, and what else the answer to a window asks for."""

    def __init__(self, *known: Detection) -> None:
        self.known = {detection.id: detection for detection in known}
        self.looked_up: list[str] = []
        self.told: list[str] = []
        self.fused = 0
        self.done: list[Item] = []
        self.encoded = asyncio.Event()
        self.client = SimpleNamespace(name="fusion")
        self.names = {modality: f"{modality}_encoder" for modality in Modality}
        served = ServedFacts(EMBEDDING_DIMS, ("leak",), {"leak": 0.5}, raw={}, max_batch=8)
        services = SimpleNamespace(
            served=served,
            settings=Settings(baseline=BaselineSettings(enabled=False)),
            judge=SimpleNamespace(look_ahead=lambda *_: None, judge=self._judge),
            encoders=self,
            writer=self,
            outbox=self,
            fuser=self,
            shedder=SimpleNamespace(sheds=lambda _: False),
            encoding_turns={modality: asyncio.Semaphore(1) for modality in Modality},
            wall_ms=lambda: 0,
        )
        self.budget = Counted(10**9, 10**6)
        spawn = asyncio.get_running_loop().create_task
        fence = SimpleNamespace(partition=0, token=1)
        self.answers = WindowAnswers(services, fence, ByteLedger(self.budget), spawn, self.done.append)

    async def encode(self, _item: Item) -> Content:
        await self.encoded.wait()
        return Content(np.zeros(1_280, np.float32))

    async def get_many(self, window_ids: list[str]) -> list[Detection]:
        self.looked_up += window_ids
        return [self.known[window_id] for window_id in window_ids if window_id in self.known]

    async def fuse(self, *_: object) -> FusionAnswer:
        self.fused += 1
        return FusionAnswer(np.zeros(1, np.float32), np.zeros((3, 1), np.float32), np.zeros(128, np.float32), "1", {})

    async def put(self, put: Put) -> SimpleNamespace:
        return SimpleNamespace(status=Status.STORED, detection=put.detection)

    async def finalise(self, finalise: Finalise) -> SimpleNamespace:
        return SimpleNamespace(status=Status.FINAL, detection=self.known[finalise.detection_id])

    async def tell(self, detection: Detection, _group: str | None) -> None:
        self.told.append(detection.id)

    async def close(self, start_ms: int) -> Window[Item]:
        """A window with one frame closes, and all that can happen before the frame is encoded does."""
        item = Item(
            f"v{start_ms}",
            "dock-1",
            Modality.VIDEO,
            start_ms,
            start_ms,
            0,
            False,
            "video",
            0,
            start_ms,
            None,
            None,
            None,
            b"",
        )
        self.answers.encode(SimpleNamespace(), item, 1)
        window = Window("dock-1", start_ms, start_ms + 4_000, first_seen_ms=0)
        window.items = {item.item_id: item}
        window.closed_by = ClosedBy.WATERMARK
        self.answers.closed(window)
        for _ in range(20):
            await asyncio.sleep(0)
        return window

    @staticmethod
    async def _judge(*_: object, waited_s: float) -> WindowJudgement:
        assert waited_s >= 0
        return UNJUDGED


def _stored_answer(start_ms: int, *item_ids: str) -> Detection:
    return Detection(
        id=f"dock-1/{start_ms}/4000",
        source_id="dock-1",
        start_ms=start_ms,
        end_ms=start_ms + 4_000,
        digest=items_digest(item_ids),
        closed_by="watermark",
        coverage=Coverage(),
        closed_ms=0,
        stored_ms=1,
    )


async def test_a_window_that_is_stored_with_the_same_items_is_told_again_without_being_answered_again():
    store = Stored(_stored_answer(0, "v0"))
    window = await store.close(0)
    assert (store.told, store.fused) == (["dock-1/0/4000"], 0)
    window.sealed_by = SealedBy.WATERMARK
    store.answers.sealed(window)
    await asyncio.sleep(0)
    assert not store.done, "its frame is not encoded yet, and might still turn out to be poison"
    store.encoded.set()
    await asyncio.sleep(0.01)
    assert [item.item_id for item in store.done] == ["v0"]
    assert store.budget.held_bytes == 0


async def test_a_window_that_is_stored_with_other_items_is_answered():
    store = Stored(_stored_answer(0, "v0", "late"))
    store.encoded.set()
    await store.close(0)
    assert (store.looked_up, store.fused) == (["dock-1/0/4000"], 1)


async def test_from_the_first_window_on_that_is_not_stored_nobody_looks():
    store = Stored(_stored_answer(0, "v0"))
    store.encoded.set()
    for start_ms in (0, 2_000, 4_000, 6_000):
        await store.close(start_ms)
    assert (store.looked_up, store.fused) == (["dock-1/0/4000", "dock-1/2000/4000"], 3)
    store.answers.forget("dock-1")
    await store.close(90_000)
    assert store.looked_up[-1] == "dock-1/90000/4000", "a source that vanished is a new one when it returns"
