"""Detections, verdicts and positions in Redis: the only room that knows the keys, the scripts and their rules.

A worker connects, checks the server once, takes a fence for each partition number it is given, and then puts and
finalises under that fence. Every write is atomic, idempotent and answered with what is stored now:

    async with Store.connect(settings, clock_ms) as store:
        await store.check()
        fence = await store.take_token("braid", 0)
        [answer] = await store.put_many([Put(detection, fence)])
        answer = await store.finalise(detection.id, "watermark", fence)

Readers need neither fence nor check. `docs/reference/redis.md` documents every key.
"""

from streams.store.baseline_documents import (
    BaselineAbout,
    BaselineWrite,
    Lesson,
    PendingWindow,
    StoredBaseline,
    StoredLesson,
)
from streams.store.baselines import MAX_LESSONS, MAX_STATE_BYTES, Baselines
from streams.store.identity import detection_id, items_digest, split_detection_id
from streams.store.models import Comparison, DifferingWindow, LiveModels, ModelVersions, add_up
from streams.store.positions import Position
from streams.store.store import Store
from streams.store.verdicts import Verdict, Verdicts
from streams.store.windows import AgreedWindows, WindowCut, WindowCuts, WindowsBefore
from streams.store.writes import Answer, Fence, Finalise, MoveStatus, Put, SealedBy, Status

__all__ = [
    "MAX_LESSONS",
    "MAX_STATE_BYTES",
    "AgreedWindows",
    "Answer",
    "BaselineAbout",
    "BaselineWrite",
    "Baselines",
    "Comparison",
    "DifferingWindow",
    "Fence",
    "Finalise",
    "Lesson",
    "LiveModels",
    "ModelVersions",
    "MoveStatus",
    "PendingWindow",
    "Position",
    "Put",
    "SealedBy",
    "Status",
    "Store",
    "StoredBaseline",
    "StoredLesson",
    "Verdict",
    "Verdicts",
    "WindowCut",
    "WindowCuts",
    "WindowsBefore",
    "add_up",
    "detection_id",
    "items_digest",
    "split_detection_id",
]
