"""A source without a label: what it never did before is told, on real servers."""

import asyncio
import time

import numpy as np
import pytest

from processors.modality import Modality
from streams.records import encode_audio_chunk
from streams.settings import BaselineSettings, Settings, WindowSettings
from tests.integration.pipeline.conftest import Played

LEARNED_S = 480
AFTERWARDS_S = 20
DEADLINE_S = 120.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Short windows that do not overlap: as many as a baseline needs to judge, in little sound."""
    windows = WindowSettings(size_ms=1_000, hop_ms=1_000, allowed_lateness_ms=1_000, idle_timeout_s=3, max_open_s=9)
    return settings.model_copy(update={"windows": windows})


def whole_second_ms() -> int:
    """The present one."""
    return time.time_ns() // 10**9 * 1_000


def hum(played: Played, at_ms: int, rng: np.random.Generator, *, siren: bool = False) -> None:
    """One second of a hall with a ventilator; or a siren in it."""
    time_s = np.arange(16_000) / 16_000
    sound = 600 * rng.normal(size=16_000) + rng.uniform(900, 1_500) * np.sin(2 * np.pi * 100 * time_s)
    if siren:
        sound += 12_000 * np.sin(2 * np.pi * (1_200 * time_s + 150 * np.sin(2 * np.pi * 3 * time_s)))
    record = encode_audio_chunk(
        played.source_id, f"a{at_ms}", at_ms, sound.astype("<i2").tobytes(), sample_rate_hz=16_000
    )
    played.records.append((Modality.AUDIO, record, at_ms + 1_000))
    played.spans[Modality.AUDIO].append((at_ms, at_ms + 1_000))


async def test_a_sound_that_was_never_heard_is_told_as_unusual_and_where(unique, start_worker, send, finals, store):
    rng = np.random.default_rng(5)
    learned, afterwards = Played(f"{unique}-hall"), Played(f"{unique}-hall")
    learned_until_ms = whole_second_ms()
    for second in range(LEARNED_S):
        hum(learned, learned_until_ms - 1_000 * (LEARNED_S - second), rng)
    learned.heartbeats(learned_until_ms)

    worker = start_worker(baseline=BaselineSettings(snapshot_s=1))
    await send([learned])
    await finals(learned)
    async with asyncio.timeout(DEADLINE_S):
        while (stored := await store.baselines.read(learned.source_id)) is None or (
            stored.about.through_ms != learned_until_ms - 1_000
        ):
            await asyncio.sleep(0.1)
    # A source that was silent for so long is at the time of day: what it brings of before is late.
    begin_ms = whole_second_ms()
    siren_ms = begin_ms + 12_000
    for second in range(AFTERWARDS_S):
        at_ms = begin_ms + 1_000 * second
        hum(afterwards, at_ms, rng, siren=at_ms == siren_ms)
    afterwards.heartbeats(begin_ms + 1_000 * AFTERWARDS_S)
    await send([afterwards])
    told = {start_ms: each for start_ms, each in (await finals(afterwards)).items() if start_ms >= begin_ms}

    assert not any(detection.warming_up for detection in told.values())
    siren = told.pop(siren_ms)
    assert siren.is_anomalous
    assert siren.anomaly_p < 0.005
    assert min(siren.parts, key=siren.parts.get) in {"sound", "loudness", "talk"}
    assert siren.explanation is not None
    assert [second.start_ms for second in siren.explanation.seconds] == [siren_ms]
    assert siren.explanation.seconds[0].p <= 0.05
    assert siren.explanation.similar
    for window_id in siren.explanation.similar:
        learned_window = await store.get(window_id)
        assert learned_window is not None, window_id
        assert learned_window.start_ms < siren_ms
        assert learned_window.final
    assert np.mean([detection.anomaly_p > 0.01 for detection in told.values()]) > 0.85
    assert worker.stop() == 0, worker.output
