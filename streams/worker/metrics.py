"""What a worker counts; names and labels are part of its interface."""

from prometheus_client import Counter, Gauge, Histogram

__all__ = [
    "BASELINES",
    "BASELINES_BEGUN_ANEW",
    "BASELINES_BEHIND",
    "BASELINE_BYTES",
    "BASELINE_FAULTS",
    "BASELINE_LESSONS",
    "BASELINE_UNSAVED_SECONDS",
    "BASELINE_WINDOWS",
    "BASELINE_WRITES",
    "CLOSE_TO_FUSED",
    "CLOSE_TO_STORED",
    "COMMIT_LAG",
    "DEAD_LETTERS",
    "DETECTIONS",
    "DUPLICATES",
    "EXPIRED_RECORDS",
    "HELD_BYTES",
    "HELD_RECORDS",
    "ITEMS",
    "JUDGED",
    "LIVE_VERSION",
    "OPEN_WINDOWS",
    "READ_AGAIN",
    "READ_LAG",
    "REJOINED",
    "RETRIES",
    "SEALED_FOR_MEMORY",
    "SHADOW_ANSWERS",
    "SHED_ITEMS",
    "SOURCES",
    "STAGE_SECONDS",
    "TOMBSTONES",
    "UNDECODED_BYTES",
]

# Each a quarter above the one before, to half a minute: a quantile read from them is a tenth off at most.
_DELAY_BUCKETS_S = tuple(round(0.002 * 1.25**step, 4) for step in range(44))
_LATENCY_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

ITEMS = Counter("braid_items", "Items that went into at least one window.", ["modality"])
DUPLICATES = Counter("braid_duplicate_items", "Items that every window of theirs held already.", ["modality"])
DEAD_LETTERS = Counter("braid_dead_letters", "Records written to the dead-letter topic.", ["code", "stage"])
DETECTIONS = Counter("braid_detections", "Answers acknowledged by the store.", ["kind"])
READ_AGAIN = Counter("braid_items_read_again", "Items that a final window held already, after a restart.", ["modality"])
RETRIES = Counter("braid_retries", "Calls that are tried again because a dependency was away.", ["dependency"])
STAGE_SECONDS = Histogram(
    "braid_stage_seconds", "Time that one item or window spends in a stage.", ["stage"], buckets=_LATENCY_BUCKETS_S
)
CLOSE_TO_FUSED = Histogram(
    "braid_close_to_fused_seconds",
    "From a window's closing to the fusion model's first answer: what its items still need to be encoded, and fusion.",
    buckets=_DELAY_BUCKETS_S,
)
CLOSE_TO_STORED = Histogram(
    "braid_close_to_stored_seconds", "From a window's closing to its first stored answer.", buckets=_DELAY_BUCKETS_S
)
OPEN_WINDOWS = Gauge("braid_open_windows", "Windows that are not final yet.", ["partition"])
READ_LAG = Gauge(
    "braid_read_lag_records", "End of a partition minus what was read: for scaling.", ["topic", "partition"]
)
COMMIT_LAG = Gauge(
    "braid_commit_lag_records",
    "End of a partition minus the stored position: what is not done.",
    ["topic", "partition"],
)
HELD_BYTES = Gauge("braid_held_bytes", "Bytes of items, encoded or raw, that windows hold until they are final.")
HELD_RECORDS = Gauge("braid_held_records", "Records read and not done yet.", ["topic", "partition"])
UNDECODED_BYTES = Gauge("braid_undecoded_bytes", "Payload bytes waiting to be decoded and encoded.")
SOURCES = Gauge("braid_sources", "Sources in sight.")
SHED_ITEMS = Counter("braid_shed_items", "Items left out under overload.", ["modality"])
EXPIRED_RECORDS = Counter("braid_expired_records", "Records that Kafka no longer held when they were due.", ["topic"])
TOMBSTONES = Counter("braid_unanswered_windows", "Windows that the fusion model could not answer.", ["code"])
REJOINED = Counter("braid_rejoined_partitions", "Partitions begun anew because the store refused their fence.")
SEALED_FOR_MEMORY = Counter("braid_windows_sealed_for_memory", "Windows sealed early under memory pressure.")
LIVE_VERSION = Gauge("braid_model_version", "Version of a model that makes this worker's answers.", ["model"])
SHADOW_ANSWERS = Counter(
    "braid_shadow_answers", "Answers of a shadow version, by what came of the comparison.", ["verdict"]
)
JUDGED = Counter("braid_judged_windows", "Answers under the source's own normal, by what came of it.", ["outcome"])
BASELINE_WINDOWS = Counter("braid_baseline_windows", "Final windows, by what a baseline made of them.", ["outcome"])
BASELINE_LESSONS = Counter("braid_baseline_lessons", "What people taught, by what a baseline made of it.", ["outcome"])
BASELINE_WRITES = Counter("braid_baseline_writes", "Baselines written, by the store's answer.", ["status"])
BASELINE_FAULTS = Counter("braid_baseline_faults", "Errors in learning; no answer waits for it.", ["code"])
BASELINES_BEGUN_ANEW = Counter(
    "braid_baselines_begun_anew",
    "Baselines that forgot what they had learned, by why: it came from other encoders, or could not be read.",
    ["reason"],
)
BASELINES = Gauge("braid_baselines", "Baselines in memory.")
BASELINE_BYTES = Gauge("braid_baseline_bytes", "Memory that baselines take, as an estimate.")
BASELINES_BEHIND = Gauge("braid_baselines_behind", "Sources with final windows that are not learned yet.")
BASELINE_UNSAVED_SECONDS = Gauge("braid_baseline_unsaved_seconds", "Age of the oldest change that is not stored yet.")
