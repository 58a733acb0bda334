"""Random topics from a seed, ways to read them, and what must come out, computed from the whole list at once."""

from itertools import pairwise

from align_model import Item, spans_by_looking

from processors.modality import Modality
from streams.align import (
    Aligner,
    AlignSettings,
    EarlierWindows,
    PresenceChanged,
    ReadClock,
    WindowClosed,
    WindowSealed,
    counted_end_ms,
)

SOURCES = ("dock-1", "dock-2")
# So long that nothing is ever idle, open for too long or vanished.
FOREVER = {"idle_timeout_ms": 10**9, "max_open_ms": 10**10}
SPACING = {Modality.VIDEO: (70, 0), Modality.AUDIO: (100, 100), Modality.TRANSCRIPT: (330, 250)}


def draw_cut(rng):
    size_ms = rng.choice([100, 250, 400])
    return size_ms, rng.choice([size_ms, size_ms // 2, 70])


def draw_settings(rng, changes=None):
    """Half of the settings without a change, unless their number is given."""
    changes = rng.choice([0, 0, 1, 2]) if changes is None else changes
    cuts = [draw_cut(rng) for _ in range(changes + 1)]
    size_ms, hop_ms = cuts[-1]
    return AlignSettings(
        size_ms=size_ms,
        hop_ms=hop_ms,
        out_of_orderness_ms=rng.choice([0, 50]),
        allowed_lateness_ms=rng.choice([0, 100, 600]),
        earlier=earlier_windows(cuts, rng.choice([300, 1_000, 2_000])),
        **FOREVER,
    )


def earlier_windows(cuts, not_before_ms):
    """All cuts but the last, each until the first moment that ends one of its windows and begins one of the next.

    Without the changes for which there is no such moment.
    """
    earlier = []
    for (size_ms, hop_ms), (_, next_hop_ms) in pairwise(cuts):
        moments = range(not_before_ms + size_ms, not_before_ms + 200_000)
        until_ms = next((at for at in moments if (at - size_ms) % hop_ms == 0 and at % next_hop_ms == 0), None)
        if until_ms is None:
            return ()
        earlier.append(EarlierWindows(size_ms=size_ms, hop_ms=hop_ms, until_ms=until_ms))
        not_before_ms = until_ms
    return tuple(earlier)


def draw_topics(rng, length_ms=4_000):
    """One list of items per modality, in partition order: disorder, latecomers, duplicates, heartbeats, leaps."""
    topics = {}
    for modality, (step_ms, item_ms) in SPACING.items():
        sent = []
        for source_id in SOURCES:
            for number, start_ms in enumerate(range(rng.randrange(90), length_ms, step_ms)):
                end_ms = start_ms + item_ms
                item_id, is_heartbeat = f"{modality}-{number}", rng.random() < 0.05
                leap_ms = 5_000 if rng.random() < 0.02 else 0
                timestamp_ms = end_ms + rng.randrange(30)
                item = Item(
                    item_id, modality, start_ms + leap_ms, end_ms + leap_ms, timestamp_ms, source_id, is_heartbeat
                )
                delay_ms = rng.uniform(0, 120) + (rng.uniform(0, 2_000) if rng.random() < 0.05 else 0)
                sent.append((timestamp_ms + delay_ms, item))
                if rng.random() < 0.03:
                    sent.append((timestamp_ms + delay_ms + rng.uniform(0, 800), item))
        topics[modality] = [item for _, item in sorted(sent, key=lambda entry: entry[0])] + [
            Item("end", modality, 60_000, 60_000, 60_000, source_id, is_heartbeat=True) for source_id in SOURCES
        ]
    return topics


def expect(topics, settings):
    """The final windows {id: item ids} and the late items, from the whole lists: no windows open or close here."""
    windows, late = {}, set()
    for topic in topics.values():
        for position, item in enumerate(topic):
            if item.is_heartbeat:
                continue
            before = [counted_end_ms(other) for other in topic[:position] if other.source_id == item.source_id]
            watermark_ms = max(before, default=float("-inf")) - settings.out_of_orderness_ms
            in_time = [
                (start_ms, end_ms)
                for start_ms, end_ms in spans_by_looking(item.start_ms, item.end_ms, settings)
                if watermark_ms < end_ms + settings.allowed_lateness_ms
            ]
            for start_ms, end_ms in in_time:
                windows.setdefault(f"{item.source_id}/{start_ms}/{end_ms - start_ms}", set()).add(item.item_id)
            if not in_time:
                late.add((item.source_id, item.item_id))
    return windows, late


def without_listed(late, windows):
    """Late items without those that have a copy in a window."""
    listed = {(window_id.split("/")[0], item_id) for window_id, item_ids in windows.items() for item_id in item_ids}
    return late - listed


class Reader:
    """Reads topics in any interleaving, keeps what is final, and can lose everything else.

    It does what delivery asks of a worker: an item is done when its windows are final, or when it is late, a duplicate
    or a heartbeat; the position moves over done items only; the watermarks are kept as of the position.
    """

    def __init__(self, topics, settings):
        self.topics, self.settings = topics, settings
        self.final, self.late = {}, set()
        self.final_through_ms = {}
        self.order = []
        self.now_ms = 0
        self.restart()

    def restart(self, *, behind=0):
        """Start again with what is final and the position, as a worker does that takes over from a dead one.

        Args:
            behind: how many records of each topic were done since the position was stored.
        """
        self.aligner = Aligner(lambda source_id: self.settings)
        if self.now_ms:
            self.position = {m: max(self.position.get(m, 0), self.done_through(m) - behind) for m in self.topics}
        else:
            self.position = {}
        for source_id in SOURCES:
            watermarks = {}
            for modality, position in self.position.items():
                counted = [counted_end_ms(i) for i in self.topics[modality][:position] if i.source_id == source_id]
                if counted:
                    watermarks[modality] = max(counted) - self.settings.out_of_orderness_ms
            if watermarks or source_id in self.final_through_ms:
                final_through_ms = self.final_through_ms.get(source_id)
                self.aligner.restore(source_id, watermarks, final_through_ms=final_through_ms)
        self.next = {m: self.position.get(m, 0) for m in self.topics}
        self.pending = {}
        self.answered = set()

    def done_through(self, modality):
        position = self.position.get(modality, 0)
        while position < self.next[modality]:
            if any(window.id not in self.final for window in self.pending[modality, position]):
                break
            position += 1
        return position

    def clock(self):
        self.now_ms += 1
        return ReadClock(self.now_ms, caught_up=False)

    def read(self, modality):
        number = self.next[modality]
        item = self.topics[modality][number]
        placement = self.aligner.add(item, self.clock())
        self.pending[modality, number] = placement.windows
        if placement.is_late:
            self.late.add((item.source_id, item.item_id))
        self.next[modality] += 1

    @property
    def left_out(self):
        """Late items that no final window lists; one that is done looks late when it is read again."""
        return without_listed(self.late, self.final)

    def advance(self):
        for _ in self.act():
            pass

    def act(self):
        """Do what the events ask for, with a moment after each."""
        for event in self.aligner.advance(self.clock()):
            if isinstance(event, PresenceChanged):
                continue
            window = event.window
            if isinstance(event, WindowClosed):
                assert window.id not in self.answered, "a window got two first answers"
                self.answered.add(window.id)
            elif isinstance(event, WindowSealed):
                assert window.id in self.answered, "sealed without an answer"
                assert window.id not in self.final, "final twice"
                self.final[window.id] = set(window.items)
                self.final_through_ms[window.source_id] = window.end_ms
                self.order.append((window.source_id, window.start_ms))
            yield

    def moments(self, rng):
        """Read everything, with a moment after each record and after each event that was acted on."""
        while left := [m for m in self.topics if self.next[m] < len(self.topics[m])]:
            self.read(rng.choice(left))
            yield
            if rng.random() < 0.3:
                yield from self.act()
        yield from self.act()

    def read_all(self, rng, *, crash=0.0):
        """Random bursts of the three topics, random batch boundaries; with `crash`, its chance at each step."""
        bias = {modality: rng.uniform(0.1, 1) for modality in self.topics}
        while left := [m for m in self.topics if self.next[m] < len(self.topics[m])]:
            if rng.random() < crash:
                self.restart()
                continue
            modality = rng.choices(left, [bias[m] for m in left])[0]
            for _ in range(min(rng.choice((1, 1, 5, 40)), len(self.topics[modality]) - self.next[modality])):
                self.read(modality)
            if rng.random() < 0.4:
                self.advance()
        self.advance()
