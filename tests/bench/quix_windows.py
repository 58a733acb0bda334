"""`python quix_windows.py BROKERS GROUP RECORDS STATE_DIR TOPIC...`: the same windows by Quix Streams. Prints JSON.

Runs in an environment of its own and imports nothing of Braid. Whatever favours Quix is chosen: its windows only count,
nothing is logged to a changelog topic, nothing is decoded but the event time, and librdkafka is told not to dawdle.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

from quixstreams import Application

SIZE_MS, HOP_MS, GRACE_MS = 4_000, 2_000, 10_500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def main() -> None:
    brokers, group, records, state_dir, topics = *sys.argv[1:3], int(sys.argv[3]), sys.argv[4], sys.argv[5:]
    seen = windows = placements = late = 0
    begun_s = ended_s = 0.0

    def event_time(value, headers, timestamp, timestamp_type):
        nonlocal seen, begun_s
        seen += 1
        if seen == 1:
            begun_s = time.perf_counter()
        for name, content in headers:
            if name == "ce_time":
                return (datetime.fromisoformat(content.decode()) - EPOCH) // MILLISECOND
        return timestamp

    def handled(topic, partition, offset):
        nonlocal ended_s
        if seen == records and not ended_s:
            ended_s = time.perf_counter()
            app.stop()

    def on_late(*_):
        nonlocal late
        late += 1
        return False

    def on_window(window):
        nonlocal windows, placements
        windows += 1
        placements += window["value"]

    app = Application(
        broker_address=brokers,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=state_dir,
        use_changelog_topics=False,
        consumer_extra_config={"fetch.queue.backoff.ms": 10, "fetch.wait.max.ms": 50},
        on_message_processed=handled,
        loglevel="WARNING",
    )
    frames = [
        app.dataframe(
            app.topic(name, value_deserializer="bytes", key_deserializer="str", timestamp_extractor=event_time)
        )
        for name in topics
    ]
    frame = frames[0].concat(frames[1]).concat(frames[2])
    frame = frame.hopping_window(SIZE_MS, HOP_MS, grace_ms=GRACE_MS, on_late=on_late).count().final()
    frame.update(on_window)
    app.run()
    seconds = ended_s - begun_s
    counts = {"records": seen, "windows": windows, "placements": placements, "late_placements": late}
    sys.stdout.write(json.dumps({"records_per_s": seen / seconds, **counts}) + "\n")


if __name__ == "__main__":
    main()
