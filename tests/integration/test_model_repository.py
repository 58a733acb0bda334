"""The laws of the model repository, on a running Triton: every model answers as its spec says, alone and together."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from processors.models.spec import (
    AUDIO_ENCODER,
    EVENT_CLASSES,
    FUSION,
    MAX_TOKENS,
    SPECS,
    TEXT_ENCODER,
    TEXT_TOKENIZER,
    VIDEO_ENCODER,
    ModelSpec,
)

pytestmark = pytest.mark.integration

TIMEOUT_S = 60.0
TEXTS = ["", "the alarm is ringing", "two cars crashed at the gate", "der Zug fährt", "word " * 400]


@pytest.fixture
def client(triton_grpc: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(triton_grpc) as client:
        yield client


def batch_of(spec: ModelSpec, rows: int) -> dict[str, np.ndarray]:
    """Rows that differ from each other, the same at each call, in the range that the model expects."""
    random = np.random.default_rng(7)
    batch = {}
    for tensor in spec.inputs:
        shape = (rows, *(12 if size < 0 else size for size in tensor.shape))
        if tensor.dtype == "BYTES":
            batch[tensor.name] = np.array([[TEXTS[row % len(TEXTS)].encode()] for row in range(rows)], dtype=object)
        elif tensor.dtype == "UINT8":
            batch[tensor.name] = random.integers(0, 256, shape, dtype=np.uint8)
        elif tensor.dtype == "INT64":
            high = 2 if tensor.name == "attention_mask" else 1000
            batch[tensor.name] = random.integers(1, high, shape, dtype=np.int64)
        else:
            batch[tensor.name] = random.uniform(0.0, 0.5, shape).astype(np.float32)
    return batch


def request(spec: ModelSpec, batch: dict[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, Any]:
    inputs = []
    for tensor in spec.inputs:
        inputs.append(triton.InferInput(tensor.name, list(batch[tensor.name].shape), tensor.dtype))
        inputs[-1].set_data_from_numpy(batch[tensor.name])
    names = outputs or [tensor.name for tensor in spec.outputs]
    return {
        "model_name": spec.name,
        "inputs": inputs,
        "outputs": [triton.InferRequestedOutput(name) for name in names],
        "client_timeout": TIMEOUT_S,
    }


def infer(client: Any, spec: ModelSpec, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    result = client.infer(**request(spec, batch))
    return {tensor.name: result.as_numpy(tensor.name) for tensor in spec.outputs}


def infer_together(client: Any, requests: list[dict[str, Any]]) -> list[Any]:
    """Sends all at once, so that the server's batcher sees them side by side; an answer may be an error."""
    answers: list[Any] = [None] * len(requests)
    left = threading.Semaphore(0)

    def keep(index: int, result: Any, error: Any) -> None:
        answers[index] = error or result
        left.release()

    for index, one in enumerate(requests):
        client.async_infer(**one, callback=lambda result, error, index=index: keep(index, result, error))
    for _ in requests:
        assert left.acquire(timeout=TIMEOUT_S), "Triton left a request without an answer"
    return answers


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_each_model_answers_its_known_good_sample_as_its_spec_says(client: Any, spec: ModelSpec) -> None:
    answer = infer(client, spec, spec.sample(2))

    for tensor in spec.outputs:
        got = answer[tensor.name]
        assert got.dtype == tensor.numpy_dtype
        assert len(got) == 2
        assert all(size in (-1, got.shape[axis]) for axis, size in enumerate(tensor.shape, start=1)), got.shape
        assert np.isfinite(got.astype(np.float64)).all()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_server_declares_what_the_spec_declares(client: Any, spec: ModelSpec) -> None:
    metadata = client.get_model_metadata(spec.name, client_timeout=TIMEOUT_S)

    for declared, specified in ((metadata.inputs, spec.inputs), (metadata.outputs, spec.outputs)):
        assert [(t.name, t.datatype, tuple(t.shape)) for t in declared] == [
            (t.name, t.dtype, (-1, *t.shape)) for t in specified
        ]


@pytest.mark.parametrize("spec", [VIDEO_ENCODER, AUDIO_ENCODER, TEXT_ENCODER, FUSION], ids=lambda spec: spec.name)
def test_a_batch_of_five_answers_what_five_single_requests_answer(client: Any, spec: ModelSpec) -> None:
    batch = batch_of(spec, 5)

    joined = infer(client, spec, batch)
    single = [infer(client, spec, {name: rows[i : i + 1] for name, rows in batch.items()}) for i in range(5)]

    for tensor in spec.outputs:
        alone = np.concatenate([answer[tensor.name] for answer in single])
        tolerance = 2e-2 if tensor.dtype == "FP16" else 1e-4
        np.testing.assert_allclose(joined[tensor.name].astype(np.float32), alone.astype(np.float32), atol=tolerance)


@pytest.mark.parametrize("spec", [VIDEO_ENCODER, AUDIO_ENCODER, TEXT_ENCODER], ids=lambda spec: spec.name)
def test_an_item_embedding_has_length_one(client: Any, spec: ModelSpec) -> None:
    embeddings = infer(client, spec, batch_of(spec, 3))["embedding"]

    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-4)


def test_an_output_that_was_not_asked_for_is_not_sent(client: Any) -> None:
    batch = batch_of(VIDEO_ENCODER, 2)

    result = client.infer(**request(VIDEO_ENCODER, batch, outputs=["embedding"]))

    assert [output.name for output in result.get_response().outputs] == ["embedding"]
    np.testing.assert_allclose(
        result.as_numpy("embedding"), infer(client, VIDEO_ENCODER, batch)["embedding"], atol=1e-4
    )


def test_requests_for_different_outputs_share_a_batch_unharmed(client: Any) -> None:
    batch = batch_of(VIDEO_ENCODER, 1)
    wanted = [["embedding"], ["cells"], ["embedding", "cells"]] * 4

    answers = infer_together(client, [request(VIDEO_ENCODER, batch, outputs=names) for names in wanted])

    for names, answer in zip(wanted, answers, strict=True):
        assert not isinstance(answer, InferenceServerException), answer
        assert {output.name for output in answer.get_response().outputs} == set(names)


def test_text_that_is_not_utf8_fails_alone(client: Any) -> None:
    good = request(TEXT_ENCODER, {"text": np.array([[b"someone shouts"]], dtype=object)})
    bad = request(TEXT_ENCODER, {"text": np.array([[b"\xff\xfe"]], dtype=object)})

    answers = infer_together(client, [good, bad] * 8)

    assert all("UTF-8" in str(answer) for answer in answers[1::2])
    assert not [answer for answer in answers[::2] if isinstance(answer, InferenceServerException)]


def test_tokens_that_the_network_does_not_know_fail_alone(client: Any) -> None:
    spec = SPECS["text_encoder_onnx"]
    mask = np.ones((1, 16), dtype=np.int64)
    good = request(spec, {"input_ids": np.full((1, 16), 101, dtype=np.int64), "attention_mask": mask})
    bad = request(spec, {"input_ids": np.full((1, 16), 10**6, dtype=np.int64), "attention_mask": mask})

    answers = infer_together(client, [good, bad] * 8)

    assert all(isinstance(answer, InferenceServerException) for answer in answers[1::2])
    assert not [answer for answer in answers[::2] if isinstance(answer, InferenceServerException)]


def test_long_text_is_cut_and_never_refused(client: Any) -> None:
    answer = infer(client, TEXT_TOKENIZER, {"text": np.array([[b"word " * 5000]], dtype=object)})

    assert answer["input_ids"].shape == (1, MAX_TOKENS)
    assert answer["attention_mask"].all()


def test_meaning_is_closer_than_wording(client: Any) -> None:
    texts = ["the fire alarm is ringing", "there is a burning smell and a siren", "we sold twelve apples"]
    rows = np.array([[text.encode()] for text in texts], dtype=object)

    alarm, siren, apples = infer(client, TEXT_ENCODER, {"text": rows})["embedding"]

    assert alarm @ siren > alarm @ apples


def test_silence_and_sound_are_told_apart(client: Any) -> None:
    silence = np.zeros((1, 16_000), dtype=np.float32)
    tone = np.sin(2 * np.pi * 3_000 * np.arange(16_000) / 16_000, dtype=np.float64).astype(np.float32)[None, :]

    quiet, loud = (infer(client, AUDIO_ENCODER, {"samples": samples})["embedding"][0] for samples in (silence, tone))

    assert np.isfinite(quiet).all()
    assert quiet @ loud < 0.95


def test_a_window_without_items_is_answered_with_probabilities(client: Any) -> None:
    answer = infer(client, FUSION, FUSION.sample())

    assert answer["probabilities"].shape == (1, len(EVENT_CLASSES))
    assert ((answer["probabilities"] >= 0) & (answer["probabilities"] <= 1)).all()
    np.testing.assert_allclose(answer["contributions"], 0.0, atol=1e-6)


def test_the_event_classes_are_the_labels_of_the_probabilities(client: Any) -> None:
    asked = request(FUSION, FUSION.sample())
    asked["outputs"] = [triton.InferRequestedOutput("probabilities", class_count=len(EVENT_CLASSES))]

    rows = client.infer(**asked).as_numpy("probabilities")

    assert {row.decode().split(":")[2] for row in rows.reshape(-1)} == set(EVENT_CLASSES)
