"""Real media through the whole system: what the windows cover adds up to exactly what the file holds."""

import asyncio
import os
from fractions import Fraction
from pathlib import Path

import pytest

from processors.modality import Modality
from processors.scenes import SceneSettings, compose_scene
from streams.ingest import Pace, Playing, ReadOptions, ingest
from streams.ingest.scene_file import write_scene

DATA = Path(os.environ.get("BRAID_DATA", "../shared/data"))
CLIP = DATA / "clips" / "nasa_13013.mp4"
WINDOWS_PER_MOMENT = 2  # windows of 4 s every 2 s


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    """A clip with picture, sound and words; a composed scene where the recordings are absent."""
    if CLIP.exists():
        return CLIP
    return write_scene(compose_scene(SceneSettings(duration_s=13.0)), tmp_path_factory.mktemp("scene") / "s.mp4").media


@pytest.mark.parametrize("pace", list(Pace))
async def test_coverage_adds_up_to_every_frame_sample_and_cue(pace, media, settings, store, start_worker, unique):
    worker = start_worker()
    sent = await ingest([media], unique, settings, ReadOptions(fps=None), Playing(pace=pace))
    assert sent.is_whole
    async with asyncio.timeout(90):
        while True:
            found = await store.list_detections(unique, limit=1_000)
            records = {
                (items.topic, items.partition, offset)
                for detection in found
                if detection.final
                for items in detection.items
                for offset in range(items.first_offset, items.last_offset + 1)
            }
            if len(records) == sent.frames + sent.chunks + sent.segments and all(d.final for d in found):
                break
            assert worker.process.poll() is None, worker.output
            await asyncio.sleep(0.5)
    by_topic = {topic: sum(record[0] == topic for record in records) for topic in {record[0] for record in records}}
    topic_of = settings.kafka.topics.of
    assert by_topic[topic_of(Modality.VIDEO)] == sent.frames
    assert by_topic[topic_of(Modality.TRANSCRIPT)] == sent.segments
    assert sum(d.coverage.video.items for d in found) == WINDOWS_PER_MOMENT * sent.frames
    assert sum(d.coverage.audio.samples for d in found) == WINDOWS_PER_MOMENT * sent.samples
    assert Fraction(sum(d.coverage.audio.covered_ms for d in found), WINDOWS_PER_MOMENT) >= Fraction(sent.samples, 16)
    assert worker.stop() == 0, worker.output
