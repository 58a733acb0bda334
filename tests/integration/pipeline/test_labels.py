"""From verdicts on what a worker answered to a set to learn from, on the real stack and through the command line."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from redis.asyncio import Redis

from processors.datasets.windows import UNLABELLED_CLASS, WindowSet, read_windows
from processors.modality import Modality
from processors.models.fusion import load_trained
from processors.models.spec import EVENT_CLASSES, FUSION
from processors.scenes import SceneSettings, compose_scene
from streams.inference import ModelClient, TritonServer
from streams.ingest import Pace, Playing, ingest
from streams.ingest.scene_file import write_scene
from streams.labels.training_set import Chosen, Why, collect_training_set
from streams.records import Detection

DEADLINE_S = 90.0
COMMAND_S = 120.0
SCENE_S = 13.0
APART_MS = 100_000
CLOSE = 1e-4  # batches differ from the worker's; what is stored is rounded to six digits


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    scene = compose_scene(SceneSettings(duration_s=SCENE_S))
    return write_scene(scene, tmp_path_factory.mktemp("scene") / "scene.mp4").media


@pytest.fixture
def label(braid) -> Callable:
    """Runs `braid label …`, or another command, with the test's settings: exit code, what it printed and said."""

    async def run(*arguments: object, command: str = "label") -> tuple[int | None, str, str]:
        return await braid(command, *arguments, within_s=COMMAND_S)

    return run


@pytest.fixture
def answered(media, settings, store, start_worker, unique) -> Callable:
    """Plays the scene several times, well apart, through a worker; gives the final answers in order of start."""

    async def play(times: int = 2) -> list[Detection]:
        worker = start_worker()
        last_ms = time.time_ns() // 10**6 // 1000 * 1000 - 30_000
        for start_ms in range(last_ms - (times - 1) * APART_MS, last_ms + 1, APART_MS):
            sent = await ingest([media], unique, settings, playing=Playing(pace=Pace.FAST, start_ms=start_ms))
            assert sent.is_whole
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await store.list_detections(unique, limit=1_000)
                reached_ms = last_ms + round(SCENE_S * 1000)
                if found and all(one.final for one in found) and found[-1].end_ms >= reached_ms:
                    break
                assert worker.process.poll() is None, worker.output
                await asyncio.sleep(0.2)
        assert worker.stop() == 0, worker.output
        return found

    return play


async def fused_again(settings, windows: WindowSet) -> tuple[np.ndarray, np.ndarray]:
    """What the served fusion model says of a set's windows: probabilities and embeddings."""
    inputs = {}
    for modality, part in windows.modalities.items():
        inputs |= {modality.value: part.items, f"{modality}_time": part.times, f"{modality}_weight": part.weights}
    client = ModelClient(TritonServer(settings.triton.grpc), FUSION, timeout_s=30.0, name=settings.models.fusion)
    async with client:
        answer = await client.infer(inputs, ["probabilities", "embedding"])
    return answer.outputs["probabilities"], answer.outputs["embedding"]


def began(windows: WindowSet) -> list[int]:
    """Start of each window, epoch milliseconds, by what its recording is called."""
    begins = [datetime.fromisoformat(name.split("/")[1]) for name in windows.recordings.tolist()]
    return [
        round(begin.astimezone(UTC).timestamp() * 1000) + int(start_ms)
        for begin, start_ms in zip(begins, windows.starts_ms, strict=True)
    ]


async def test_a_network_learns_from_all_that_is_stored_and_verdicts_become_a_set_of_what_the_worker_fused(
    settings, answered, label, unique, tmp_path
):
    found = await answered()
    words = ("--from-store", "--source", unique, "--out", tmp_path / "out", "--epochs", 1, "--width", 8, "--json")
    code, printed, said = await label(*words, command="pretrain")
    assert code == 0, said
    assert sum(json.loads(printed)["windows"].values()) == len(found)
    assert (tmp_path / "out/pretrained.safetensors").exists()
    kept = read_windows(tmp_path / "out/from-store.npz")
    assert began(kept) == [detection.start_ms for detection in found]
    assert (kept.classes, np.isnan(kept.labels).all()) == ((UNLABELLED_CLASS,), True)
    newest = await collect_training_set(settings, Chosen(source_id=unique, limit=3, gap_ms=60_000, judged=False))
    assert began(newest.windows) == [detection.start_ms for detection in found[-3:]]

    first, second = EVENT_CLASSES[:2]
    judged, said_of = [found[1], found[2], found[3], found[-2]], [(first,), (), (second, first), (second,)]
    for detection, classes in zip(judged, said_of, strict=True):
        code, _, said = await label("set", detection.id, *(classes or ("none",)), "--author", "night-shift")
        assert code == 0, said

    code, printed, said = await label("suggest", "--source", unique, "--limit", "3", "--json")
    assert code == 0, said
    suggested = json.loads(printed)
    assert (suggested["weighed"] + suggested["judged"], suggested["judged"]) == (len(found), len(judged))
    assert len({one["id"] for one in suggested["windows"]} - {one.id for one in judged}) == 3

    out = tmp_path / "set.npz"
    code, printed, said = await label("export", out, "--source", unique, "--json")
    assert code == 0, said
    told = json.loads(printed)
    assert (told["windows"], sorted(told["recordings"].values()), told["left_out"]) == (4, [1, 3], [])
    written = read_windows(out)
    assert written.classes == EVENT_CLASSES
    assert began(written) == [detection.start_ms for detection in judged]
    expected = [[float(name in classes) for name in EVENT_CLASSES] for classes in said_of]
    assert written.labels.tolist() == expected

    made = (await collect_training_set(settings, Chosen(source_id=unique, limit=10, gap_ms=60_000))).windows
    for modality, part in made.modalities.items():
        np.testing.assert_allclose(written.modalities[modality].items, part.items, atol=2e-3)
        np.testing.assert_array_equal(written.modalities[modality].weights, part.weights)
    probabilities, embeddings = await fused_again(settings, made)
    np.testing.assert_allclose(probabilities, [[*one.probabilities.values()] for one in judged], atol=CLOSE)
    np.testing.assert_allclose(embeddings, [one.embedding for one in judged], atol=CLOSE)


async def test_what_cannot_be_had_any_more_is_counted_and_the_rest_is_written(
    settings, answered, label, unique, tmp_path
):
    found = await answered()
    whole, lost, expired = found[-2], found[1], found[3]
    for detection in (whole, lost, expired):
        code, _, said = await label("set", detection.id, "none")
        assert code == 0, said
    video = next(part for part in whole.items if part.topic == settings.kafka.topics.of(Modality.VIDEO))
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
    await admin.start()
    try:
        here = TopicPartition(video.topic, video.partition)
        await admin.delete_records({here: RecordsToDelete(video.first_offset)})
    finally:
        await admin.close()
    redis = Redis.from_url(settings.redis.url.get_secret_value())
    await redis.delete(f"braid:{{{unique}}}:detection:{expired.id.split('/', 1)[1]}")
    await redis.aclose()

    out = tmp_path / "set.npz"
    code, printed, said = await label("export", out, "--source", unique, "--json")
    assert code == 0, said
    left_out = {one["id"]: one["why"] for one in json.loads(printed)["left_out"]}
    assert left_out == {lost.id: Why.LOST, expired.id: Why.EXPIRED}
    assert began(read_windows(out)) == [whole.start_ms]

    out.unlink()
    code, printed, said = await label("unset", whole.id)
    assert code == 0, said
    code, printed, said = await label("export", out, "--source", unique)
    assert (code, out.exists()) == (1, False)
    assert "nothing was written" in said
    assert "1 left out, lost" in said


async def test_a_model_learns_from_verdicts_in_one_command(answered, label, tmp_path):
    found = await answered(times=3)
    begins = [
        one for one, before in zip(found[1:], found, strict=False) if one.start_ms - before.end_ms > SCENE_S * 1000
    ]
    for first in (found[0], *begins):
        place = found.index(first)
        for detection, said_of in zip(found[place + 1 : place + 3], (EVENT_CLASSES[0], "none"), strict=True):
            code, _, said = await label("set", detection.id, said_of)
            assert code == 0, said
    config = tmp_path / "train.yaml"
    wanted = {"out": str(tmp_path / "run"), "classes": [EVENT_CLASSES[0]], "loop": {"epochs": 2}}
    config.write_text(yaml.safe_dump(wanted))
    code, printed, said = await label(config, "--from-store", "--json", command="train")
    assert code == 0, said
    document = json.loads(printed)
    assert load_trained(Path(document["fusion"])).model.shape.tasks[0].classes == (EVENT_CLASSES[0],)
    assert len(document["recordings"]) == 1
    assert len(read_windows(tmp_path / "run/from-store.npz")) == 6
