"""The model of composed event streams: from a stream to embeddings, windows, probabilities, and events with times."""

from processors.models.composed.answering import answer_stream
from processors.models.composed.decoding import DecodeSettings, decode_events
from processors.models.composed.encoding import EncodedStream, encode_stream
from processors.models.composed.material import COMPOSED_FACTS_PATH, COMPOSED_WEIGHTS_PATH, load_composed
from processors.models.composed.windows import HOP_MS, MOMENT_MS, SIZE_MS, pack_window, window_starts_ms

__all__ = [
    "COMPOSED_FACTS_PATH",
    "COMPOSED_WEIGHTS_PATH",
    "HOP_MS",
    "MOMENT_MS",
    "SIZE_MS",
    "DecodeSettings",
    "EncodedStream",
    "answer_stream",
    "decode_events",
    "encode_stream",
    "load_composed",
    "pack_window",
    "window_starts_ms",
]
