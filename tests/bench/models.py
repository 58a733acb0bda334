"""Items a second of each model, as a graph alone on one thread and through Triton; frames in both precisions.

Graphs take turns, batch by batch, so that whatever else the machine does slows all of them alike.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnxruntime

from processors.modality import Modality
from processors.models.export import export_model
from processors.models.fusion import FUSION_KINDS, FusionShape, ServedFusion, Task, make_fusion
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.quantization import CALIBRATIONS, quantise
from processors.models.spec import (
    AUDIO_ENCODER,
    EMBEDDING_DIMS,
    EVENT_CLASSES,
    FUSION,
    SPECS,
    TEXT_ENCODER,
    TEXT_ENCODER_ONNX,
    VIDEO_ENCODER,
    WINDOW_EMBEDDING_DIM,
    ModelSpec,
)
from streams.settings import Settings
from tests.bench.figures import Figure
from tests.bench.through_triton import BATCH, Feed, handed_to_triton, make_feed, rates_through_triton

__all__ = ["measure_models"]

ROUNDS = 15
TRITON_ROUNDS, TRITON_CALLS = 3, 24
PRECISION_ROUNDS, PRECISION_CALLS = 31, 8
_FUSION_SHAPE = FusionShape(
    modalities={modality.value: dim for modality, dim in EMBEDDING_DIMS.items()},
    tasks=(Task("event", EVENT_CLASSES, is_exclusive=False),),
    width=WINDOW_EMBEDDING_DIM,
)
RAW_ITEMS_OF_A_WINDOW = {Modality.VIDEO: 8, Modality.AUDIO: 4}
RAW_WINDOWS = 4
RAW = "of 8 frames and 4 seconds raw"
ENCODED_ONCE = "of which half was encoded for the one before"

_Asked = tuple[onnxruntime.InferenceSession, Feed]


async def measure_models(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    rates, fusion_ms, window_ms = await asyncio.to_thread(_measure_graphs)
    figures = [Figure(f"{name}, graph alone, one thread", found, "items/s") for name, found in rates.items()]
    pairs = zip(rates["video_encoder int8"], rates["video_encoder fp32"], strict=True)
    figures.append(Figure("video_encoder, int8 / fp32", [int8 / fp32 for int8, fp32 in pairs]))
    for name, found in fusion_ms.items():
        figures.append(Figure(f"{name} with contributions, batch of 16, two threads", found, "ms/window", at_most=3))
    for name, found in window_ms.items():
        figures.append(Figure(f"a window {name}, one thread", found, "ms/window"))
    ways = zip(window_ms[RAW], window_ms[ENCODED_ONCE], strict=True)
    figures.append(Figure(f"a window {RAW} / {ENCODED_ONCE}", [raw / once for raw, once in ways]))
    address = settings.triton.grpc or ""
    for spec in (VIDEO_ENCODER, AUDIO_ENCODER, TEXT_ENCODER, FUSION):
        served = await asyncio.to_thread(rates_through_triton, address, [SPECS[spec.name]], TRITON_ROUNDS, TRITON_CALLS)
        figures.append(Figure(f"{spec.name}, through Triton", served[spec.name], "items/s"))
    for name in CALIBRATIONS:
        both = await asyncio.to_thread(_precisions_through_triton, address, SPECS[name])
        for precision, found in both.items():
            figures.append(Figure(f"{name} {precision}, through Triton in turn", found, "items/s"))
        pairs = zip(both["int8"], both["fp32"], strict=True)
        figures.append(Figure(f"{name}, through Triton, int8 / fp32", [int8 / fp32 for int8, fp32 in pairs]))
    return figures, {"batch": BATCH}


def _precisions_through_triton(address: str, spec: ModelSpec) -> dict[str, list[float]]:
    """Items a second by precision, both on the same server, whatever its repository was built in."""
    with tempfile.TemporaryDirectory(prefix="braid-bench-models-") as folder:
        graphs = {precision: Path(folder) / f"{precision}.onnx" for precision in ("fp32", "int8")}
        export_model(load_network(spec.name), spec, graphs["fp32"])
        quantise(graphs["fp32"], graphs["int8"], CALIBRATIONS[spec.name])
        named = {f"{spec.name}_{precision}": graph for precision, graph in graphs.items()}
        with handed_to_triton(address, spec, named) as specs:
            rates = rates_through_triton(address, specs, PRECISION_ROUNDS, PRECISION_CALLS)
    return dict(zip(graphs, rates.values(), strict=True))


def _measure_graphs() -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """Items a second by graph; milliseconds a window by kind of fusion; and by the way of its items into the fusion."""
    with tempfile.TemporaryDirectory(prefix="braid-bench-models-") as folder:
        graphs = {}
        for spec in (VIDEO_ENCODER, AUDIO_ENCODER, TEXT_ENCODER_ONNX, FUSION):
            graphs[spec.name] = Path(folder) / f"{spec.name}.onnx"
            export_model(load_network(spec.name), spec, graphs[spec.name])
        int8 = Path(folder) / "int8.onnx"
        quantise(graphs[VIDEO_ENCODER.name], int8, CALIBRATIONS[VIDEO_ENCODER.name])
        chosen = {
            "video_encoder fp32": (graphs[VIDEO_ENCODER.name], VIDEO_ENCODER),
            "video_encoder int8": (int8, VIDEO_ENCODER),
            "audio_encoder": (graphs[AUDIO_ENCODER.name], AUDIO_ENCODER),
            "text_encoder": (graphs[TEXT_ENCODER_ONNX.name], TEXT_ENCODER_ONNX),
        }
        sessions = {name: (_open(path, 1), make_feed(spec)) for name, (path, spec) in chosen.items()}
        rates: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(ROUNDS):
            for name, (session, feed) in sessions.items():
                rates[name].append(BATCH / _seconds(session, feed))
        fusions = {FUSION.name: _open(graphs[FUSION.name], 2)}
        for kind in FUSION_KINDS:
            graph = Path(folder) / f"{kind}.onnx"
            export_model(ServedFusion(make_fusion(kind, _FUSION_SHAPE)).eval(), FUSION, graph)
            fusions[f"fusion of the kind {kind}"] = _open(graph, 2)
        feed = make_feed(FUSION)
        fusion_ms: dict[str, list[float]] = {name: [] for name in fusions}
        for _ in range(ROUNDS):
            for name, session in fusions.items():
                fusion_ms[name].append(1_000 * _seconds(session, feed) / BATCH)
        encoders = {name: sessions[name] for name in ("video_encoder int8", "audio_encoder")}
        window_ms = _measure_windows(Path(folder) / "raw.onnx", encoders, _open(graphs[FUSION.name], 1))
        return rates, fusion_ms, window_ms


def _measure_windows(
    path: Path, encoders: Mapping[str, _Asked], fusion: onnxruntime.InferenceSession
) -> dict[str, list[float]]:
    """A window whose items go raw into one graph, and one of whose items half were encoded for the one before."""
    plan = ModelPlan(raw=RAW_ITEMS_OF_A_WINDOW)
    spec = read_facts(plan).make_specs()[FUSION.name]
    export_model(load_network(FUSION.name, plan), spec, path)
    raw, raw_feed = _open(path, 1), make_feed(spec, RAW_WINDOWS)
    fusion_feed = make_feed(FUSION, RAW_WINDOWS)
    found: dict[str, list[float]] = {RAW: [], ENCODED_ONCE: []}
    for _ in range(ROUNDS):
        found[RAW].append(1_000 * _seconds(raw, raw_feed) / RAW_WINDOWS)
        once_s = _seconds(fusion, fusion_feed) / RAW_WINDOWS
        for (session, feed), items in zip(encoders.values(), RAW_ITEMS_OF_A_WINDOW.values(), strict=True):
            once_s += _seconds(session, feed) / BATCH * items / 2
        found[ENCODED_ONCE].append(1_000 * once_s)
    return found


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads of the graphs that are not asked would spin on the cores of the one that is.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _seconds(session: onnxruntime.InferenceSession, feed: Feed) -> float:
    begun_s = time.perf_counter()
    session.run(None, dict(feed))
    return time.perf_counter() - begun_s
