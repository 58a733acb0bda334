from collections.abc import Iterator

import numpy as np
import pytest

from processors.scenes import EVENT_KINDS
from processors.scenes.pictures import PAINTERS
from processors.scenes.sounds import impact_time_s

SIZE_PX = (160, 120)
DURATION_S = 3.0


def grey() -> np.ndarray:
    return np.full((SIZE_PX[1], SIZE_PX[0], 3), 128, np.uint8)


def paint(kind: str, seed: int, elapsed_s: float) -> np.ndarray:
    painter = PAINTERS[kind](np.random.default_rng(seed), SIZE_PX, DURATION_S)
    return painter.paint(grey(), elapsed_s).astype(int)


def moments(kind: str, seed: int) -> Iterator[np.ndarray]:
    for elapsed_s in np.arange(0.0, DURATION_S, 0.2):
        yield paint(kind, seed, float(elapsed_s))


@pytest.mark.parametrize("kind", EVENT_KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_an_event_changes_the_picture_most_of_the_time(kind: str, seed: int):
    changes = [np.abs(frame - 128).mean() for frame in moments(kind, seed)]
    assert np.mean(np.array(changes) > 0.5) > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_a_fire_alarm_flashes_red(seed: int):
    redness = [(frame[..., 0] - frame[..., 1:].mean(axis=-1)).mean() for frame in moments("fire_alarm", seed)]
    assert min(redness) > 3
    assert max(redness) > 2 * min(redness)


@pytest.mark.parametrize("seed", range(5))
def test_a_break_in_is_dark(seed: int):
    assert all(frame.mean() < 100 for frame in moments("break_in", seed))


@pytest.mark.parametrize("seed", range(5))
def test_a_collision_flashes_at_the_impact_that_is_heard(seed: int):
    before = paint("collision", seed, impact_time_s(DURATION_S) - 0.05)
    after = paint("collision", seed, impact_time_s(DURATION_S))
    assert after.mean() > before.mean() + 40


@pytest.mark.parametrize("kind", sorted(PAINTERS))
def test_painting_keeps_no_state(kind: str):
    painter = PAINTERS[kind](np.random.default_rng(3), SIZE_PX, DURATION_S)
    late_first = painter.paint(grey(), 2.0)
    painter.paint(grey(), 0.4)
    assert (painter.paint(grey(), 2.0) == late_first).all()


@pytest.mark.parametrize("kind", sorted(set(PAINTERS) - set(EVENT_KINDS)))
@pytest.mark.parametrize("seed", range(5))
def test_a_harmless_thing_is_no_red_flash(kind: str, seed: int):
    redness = [(frame[..., 0] - frame[..., 1:].mean(axis=-1)).mean() for frame in moments(kind, seed)]
    assert max(redness) - min(redness) < 12
