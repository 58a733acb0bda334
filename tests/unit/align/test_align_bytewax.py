"""The aligner against Bytewax's windows, an independent implementation, where both mean the same.

Shared are: points of one modality in partition order, a watermark of the largest time minus the out-of-orderness, no
allowed lateness, tumbling and hopping windows from the epoch. What is late differs: Bytewax judges an item by the
watermark itself, Braid by the end of each window. So items here are out of order by at most the out-of-orderness, or by
that and a whole window more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from align_model import Item
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.modality import Modality
from streams.align import Aligner, AlignSettings, ReadClock, Role, WindowClosed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = 10**9


@dataclass(frozen=True)
class Shape:
    size_ms: int
    hop_ms: int
    out_of_orderness_ms: int


shapes = st.builds(
    Shape,
    size_ms=st.sampled_from([100, 250, 400]),
    hop_ms=st.sampled_from([100, 70, 50]),
    out_of_orderness_ms=st.sampled_from([0, 30, 150]),
) | st.builds(
    lambda size_ms, out_of_orderness_ms: Shape(size_ms, size_ms, out_of_orderness_ms),
    size_ms=st.sampled_from([100, 400]),
    out_of_orderness_ms=st.sampled_from([0, 150]),
)


@st.composite
def partitions(draw, shape):
    """Points of two sources in partition order."""
    newest_ms, items = {}, []
    steps = st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from(["on", "on", "on", "back", "late"]), st.integers(0, 90)
    )
    for number, (source_id, how, by_ms) in enumerate(draw(st.lists(steps, min_size=20, max_size=80))):
        newest = newest_ms.get(source_id)
        if newest is None:
            start_ms = newest = by_ms - 45
        elif how == "on":
            start_ms = newest + by_ms
        elif how == "back":
            start_ms = newest - min(by_ms, shape.out_of_orderness_ms)
        else:
            start_ms = newest - shape.out_of_orderness_ms - shape.size_ms - by_ms
        newest_ms[source_id] = max(newest, start_ms)
        items.append(Item(f"{number}", Modality.VIDEO, start_ms, start_ms, NEVER, source_id))
    return items


def by_braid(items, shape):
    """(windows {(source, start): item ids}, late items); each window is taken at its first answer."""
    chosen = AlignSettings(
        size_ms=shape.size_ms,
        hop_ms=shape.hop_ms,
        out_of_orderness_ms=shape.out_of_orderness_ms,
        allowed_lateness_ms=0,
        idle_timeout_ms=NEVER,
        max_open_ms=10 * NEVER,
        roles={Modality.VIDEO: Role.REQUIRED},
    )
    aligner, windows, late = Aligner(lambda source_id: chosen), {}, set()
    ends = [Item("end", Modality.VIDEO, 10**6, 10**6, NEVER, source_id, is_heartbeat=True) for source_id in "ab"]
    for now_ms, item in enumerate([*items, *ends]):
        clock = ReadClock(now_ms, caught_up=False)
        if aligner.add(item, clock).is_late:
            late.add((item.source_id, item.item_id))
        for event in aligner.advance(clock):
            if isinstance(event, WindowClosed):
                windows[event.window.source_id, event.window.start_ms] = set(event.window.items)
    return windows, late


def by_bytewax(items, shape):
    clock = win.EventClock(
        lambda item: EPOCH + timedelta(milliseconds=item.start_ms),
        timedelta(milliseconds=shape.out_of_orderness_ms),
        now_getter=lambda: EPOCH,  # its watermark runs on with the system's clock, which stands still here
        to_system_utc=lambda _: None,
    )
    windower = win.SlidingWindower(timedelta(milliseconds=shape.size_ms), timedelta(milliseconds=shape.hop_ms), EPOCH)
    if shape.size_ms == shape.hop_ms:
        windower = win.TumblingWindower(timedelta(milliseconds=shape.size_ms), EPOCH)
    closed, late = [], []
    flow = Dataflow("windows")
    keyed = op.key_on("source", op.input("items", flow, TestingSource(items)), lambda item: item.source_id)
    windowed = win.collect_window("collect", keyed, clock, windower)
    op.output("closed", windowed.down, TestingSink(closed))
    op.output("late", windowed.late, TestingSink(late))
    run_main(flow)
    windows = {
        (source_id, number * shape.hop_ms): {item.item_id for item in held} for source_id, (number, held) in closed
    }
    assert len(windows) == len(closed), "a window closed twice"
    return windows, {(source_id, item.item_id) for source_id, (_, item) in late}


@settings(max_examples=120)
@given(st.data(), shapes)
def test_tumbling_and_hopping_windows_hold_what_bytewax_puts_into_them(data, shape):
    items = data.draw(partitions(shape))
    assert by_braid(items, shape) == by_bytewax(items, shape)
