"""What is left out when a worker is behind."""

import pytest

from processors.modality import Modality
from streams.records import Item
from streams.settings import OverloadSettings
from streams.worker.overload import Shedder


def item(modality, at_ms, source_id="cam"):
    return Item(str(at_ms), source_id, modality, at_ms, at_ms, at_ms, False, "t", 0, at_ms, None, None, None, b"x")


def kept(policy, items, *, now_ms, min_fps=1.0):
    shedder = Shedder(OverloadSettings(shed=policy, max_lag_s=10, min_fps=min_fps), lambda: now_ms)
    return [each.start_ms for each in items if not shedder.sheds(each)]


FRAMES = [item(Modality.VIDEO, at_ms) for at_ms in range(0, 4_000, 250)]
EVERY = [frame.start_ms for frame in FRAMES]


@pytest.mark.parametrize("policy", ["none", "oldest", "frames"])
def test_a_worker_that_keeps_up_leaves_nothing_out(policy):
    assert kept(policy, FRAMES, now_ms=10_000) == EVERY


def test_without_a_policy_nothing_is_left_out_however_far_behind():
    assert kept("none", FRAMES, now_ms=10**9) == EVERY


def test_oldest_leaves_out_whatever_is_older_than_the_lag():
    assert kept("oldest", FRAMES, now_ms=12_000) == [at_ms for at_ms in EVERY if at_ms >= 2_000]


def test_frames_are_thinned_to_the_least_rate_and_nothing_else_is_touched():
    sounds = [item(Modality.AUDIO, 100), item(Modality.TRANSCRIPT, 200)]
    assert kept("frames", FRAMES + sounds, now_ms=10**6) == [0, 1_000, 2_000, 3_000, 100, 200]
    assert kept("frames", FRAMES, now_ms=10**6, min_fps=2) == list(range(0, 4_000, 500))


def test_each_source_keeps_its_own_rate():
    frames = [item(Modality.VIDEO, at_ms, source) for at_ms in (0, 500, 1_000) for source in ("a", "b")]
    assert kept("frames", frames, now_ms=10**6) == [0, 0, 1_000, 1_000]


def test_a_clock_that_goes_back_thins_nothing_until_it_has_gone_on():
    frames = [item(Modality.VIDEO, at_ms) for at_ms in (50_000, 0, 500, 1_000)]
    assert kept("frames", frames, now_ms=10**6) == [50_000, 0, 1_000]
