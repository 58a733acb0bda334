"""Alive is what moves, or waits for something that it can name."""

from streams.worker.liveness import Liveness


class World:
    def __init__(self):
        self.now_ms = 0
        self.is_waiting = False
        self.liveness = Liveness(lambda: self.now_ms, lambda: self.is_waiting)


def test_a_loop_that_turns_is_alive_and_one_that_stands_still_is_not():
    world = World()
    for _ in range(10):
        world.now_ms += 29_000
        assert world.liveness.stalled() is None
        world.liveness.turned()
    world.now_ms += 31_000
    assert "loop has not turned for 31 s" in world.liveness.stalled()


def test_waiting_for_something_named_is_no_stall_and_the_time_begins_anew_after_it():
    world = World()
    world.liveness.moved(3)
    world.is_waiting = True
    world.now_ms += 10**6
    assert world.liveness.stalled() is None
    world.is_waiting = False
    world.now_ms += 29_000
    assert world.liveness.stalled() is None


def test_a_position_that_stands_still_without_an_open_window_is_a_stall():
    world = World()
    world.liveness.moved(3)
    world.liveness.moved(4)
    world.now_ms = 121_000
    world.liveness.turned()
    world.liveness.moved(4)
    assert "partition 3" in world.liveness.stalled()
    world.liveness.gone(3)
    assert world.liveness.stalled() is None
