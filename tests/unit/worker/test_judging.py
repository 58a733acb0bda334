"""What a baseline says of a window, as it is told; and that nothing that is no number is kept or told."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from processors.modality import Modality
from processors.normality import Judgement, Part, SeenFrame, motion
from processors.normality.judgement import Place
from streams.align import Window
from streams.errors import ContractBroken
from streams.records import Item
from streams.settings import Settings
from streams.worker.encoders import Content, Encoded
from streams.worker.judging import UNJUDGED, WindowJudge
from streams.worker.metrics import JUDGED
from streams.worker.source_normal import Judged

MODELS = {"video_encoder": "1"}
USUAL = Judgement(0.4, False, {Part.MOTION: 0.5}, 0.3, {Part.MOTION: np.ones((1, 2), np.float32)})
UNUSUAL = Judgement(
    0.01,
    False,
    {Part.MOTION: 0.02},
    2.0,
    {Part.MOTION: np.array([[0.123, 4.0]], np.float32)},
    (Place(1_000, 3.14159e-9),),
    ("help",),
    ("video.dark",),
    ("cam/0/4000",),
    is_anomalous=True,
)


class Baselines:
    """One baseline for all sources, that says what it is told to, or fails."""

    def __init__(self, says):
        self._says = says

    async def get(self, _source_id, _fence):
        return SimpleNamespace(judge=lambda _: Judged(self._says, 7))

    async def compute(self, call):
        if isinstance(self._says, Exception):
            raise self._says
        return call()


def frame(at_ms=100, level=1.0):
    embedding = np.full(1280, level, np.float32)
    seen = SeenFrame(at_ms, embedding, np.ones((5, 5, 40), np.float16), np.zeros((120, 160), np.uint8))
    item = Item(f"i{at_ms}", "cam", Modality.VIDEO, at_ms, at_ms, at_ms, False, "video", 0, 0, None, None, None, b"")
    return Encoded(item, Content(embedding, seen=seen))


@pytest.fixture
def judge():
    opened = []

    def judge(says, level=1.0, waited_s=0.0, **settings):
        opened.append(WindowJudge(Baselines(says), Settings(**settings)))
        return opened[-1].judge(Window("cam", 0, 4_000, 0), [frame(level=level)], MODELS, None, waited_s=waited_s)

    yield judge
    for each in opened:
        each.close()


def counted(outcome):
    return JUDGED.labels(outcome)._value.get()


async def test_a_usual_window_is_told_without_an_explanation(judge):
    answer = await judge(USUAL)
    assert answer.features
    assert answer.told["anomaly_p"] == 0.4
    assert answer.told["parts"] == {"motion": 0.5}
    assert answer.told["baseline_version"] == 7
    assert not answer.told["is_anomalous"]
    assert answer.told["explanation"] is None


async def test_an_unusual_window_is_told_with_where_and_by_what(judge):
    told = (await judge(UNUSUAL)).told
    assert told["is_anomalous"]
    assert told["states"] == ("video.dark",)
    explanation = told["explanation"].model_dump()
    assert explanation == {
        "heat": {"motion": ((0.12, 4.0),)},
        "seconds": ({"start_ms": 1_000, "p": 3.14e-9},),
        "words": ("help",),
        "similar": ("cam/0/4000",),
    }


async def test_features_that_are_no_numbers_are_counted_and_neither_kept_nor_told(judge):
    before = counted("not_finite")
    assert await judge(USUAL, level=np.nan) is UNJUDGED
    assert counted("not_finite") == before + 1


async def test_a_judgement_that_is_no_number_is_counted_and_not_told(judge):
    before = counted("not_finite")
    answer = await judge(Judgement(float("nan"), False, {}, 0.0))
    assert answer.features
    assert answer.told == {}
    assert counted("not_finite") == before + 1


@pytest.mark.parametrize("error", [ContractBroken("no baseline", code="contract.baseline"), RuntimeError("boom")])
async def test_a_baseline_that_fails_is_counted_and_the_window_is_answered_all_the_same(judge, error):
    before = counted("failed")
    answer = await judge(error)
    assert answer.features
    assert answer.told == {}
    assert counted("failed") == before + 1


async def test_under_overload_a_window_whose_turn_comes_too_late_is_answered_without_a_judgement(judge):
    before = counted("shed")
    sheds = {"shed": "oldest", "max_lag_s": 3.0}
    assert await judge(USUAL, overload=sheds, waited_s=3.1) is UNJUDGED
    assert counted("shed") == before + 1
    assert (await judge(USUAL, overload=sheds, waited_s=1.0)).told
    assert (await judge(USUAL, waited_s=1_000.0)).told, "where nothing is shed, everything is waited for"
    assert counted("shed") == before + 1


async def test_a_source_without_a_baseline_is_not_looked_at(judge):
    assert await judge(USUAL, sources={"cam": {"baseline": {"enabled": False}}}) is UNJUDGED
    assert (await judge(USUAL, baseline={"enabled": False}, sources={"cam": {"baseline": {"enabled": True}}})).told


async def test_what_moves_is_measured_as_frames_come_and_not_again_when_their_windows_close(monkeypatch):
    measured = []
    measure = motion.frame_motion
    monkeypatch.setattr(
        motion, "frame_motion", lambda *pair: measured.append(tuple(each.at_ms for each in pair)) or measure(*pair)
    )
    judge = WindowJudge(Baselines(USUAL), Settings())
    frames = [frame(at_ms) for at_ms in (0, 200, 210, 400, 1_900, 300)]
    for each in frames:
        judge.look_ahead(each.item, each.content)
    looker = judge._looker_of("cam")
    await asyncio.wrap_future(looker.thread.submit(int))
    assert measured == [(0, 200), (200, 400)], "a pair of one slot, over a gap, or backwards is not looked at ahead"
    await judge.judge(Window("cam", 0, 4_000, 0), frames[:4], MODELS, None)
    judge.close()
    assert len(measured) == 2
