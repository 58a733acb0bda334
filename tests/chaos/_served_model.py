"""A model that costs nothing, in Triton's own Python backend: every output is a plain function of the input.

It is slow, and refuses what carries a mark, on request: the parameter `control` names a JSON file that is read at each
call. Triton loads this file by path, once per model, and tells it its name.

Environment:
    BRAID_SITE_PACKAGES: where numpy is installed; Triton runs Python isolated from its environment.
"""

import hashlib
import json
import os
import site
import time
from pathlib import Path

if _site_packages := os.environ.get("BRAID_SITE_PACKAGES"):
    site.addsitedir(_site_packages)

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self._name = args["model_name"]
        self._control = Path(config["parameters"]["control"]["string_value"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._answer = {"video_encoder": _video, "audio_encoder": _audio, "text_encoder": _text, "fusion": _fuse}[
            self._name
        ]

    def execute(self, requests):
        time.sleep(json.loads(self._control.read_text())["call_s"])
        return [self._respond(request) for request in requests]

    def _respond(self, request):
        arrays = [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs]
        try:
            outputs = self._answer(*arrays)
        except _MarkedError as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{self._name}: {error}"))
        asked = request.requested_output_names()
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(name, array) for name, array in outputs.items() if name in asked]
        )


class _MarkedError(Exception):
    pass


def _video(frames):
    red, green, blue = np.moveaxis(frames[:, 112, 112].astype(int), -1, 0)
    if np.any((red > 200) & (green < 60) & (blue > 200)):
        raise _MarkedError("a magenta frame")
    embedding = np.resize(frames[:, ::28, ::28].reshape(len(frames), -1).T, (1280, len(frames))).T
    cells = np.repeat(frames[:, ::56, ::56].mean(axis=(1, 2)), 1000, axis=1)[:, :1000]
    return {
        "embedding": np.ascontiguousarray(embedding, dtype=np.float32) / 255,
        "cells": (cells / 255).reshape(-1, 5, 5, 40).astype(np.float16),
    }


def _audio(samples):
    return {"embedding": samples[:, :15_360].reshape(-1, 1280, 12).mean(axis=2, dtype=np.float32)}


def _text(texts):
    rows = [row if isinstance(row, bytes) else row.encode() for row in texts.reshape(-1)]
    if any(b"unspeakable" in row for row in rows):
        raise _MarkedError("an unspeakable text")
    digests = [np.frombuffer(hashlib.sha512(row).digest() * 6, dtype=np.uint8) for row in rows]
    return {"embedding": np.array(digests, dtype=np.float32).reshape(-1, 384) / 255}


def _fuse(video, _video_time, video_weight, audio, _audio_time, audio_weight, text, _text_time, text_weight):
    weights = np.stack([video_weight.mean(1), audio_weight.mean(1), text_weight.mean(1)], axis=1)
    means = np.stack([video.mean(axis=(1, 2)), audio.mean(axis=(1, 2)), text.mean(axis=(1, 2))], axis=1)
    probabilities = 1 / (1 + np.exp(-np.clip(np.stack([means @ np.arange(1, 4) * k for k in range(1, 5)], 1), -9, 9)))
    embedding = np.resize(np.concatenate([weights, means], axis=1).T, (128, len(video))).T + 1e-3
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    return {
        "probabilities": probabilities.astype(np.float32),
        "contributions": np.repeat(weights[:, :, None], 4, axis=2).astype(np.float32),
        "embedding": np.ascontiguousarray(embedding, dtype=np.float32),
    }
