"""What the tests marked `gpu` do where there is no device, and where there is one that cannot be used."""

import onnxruntime
import pytest

from tests.gpu import devices


def test_without_a_device_the_tests_are_skipped(monkeypatch):
    monkeypatch.setattr(devices, "count_devices", lambda: 0)
    with pytest.raises(pytest.skip.Exception, match="no CUDA device"):
        devices.require(devices.CUDA)


@pytest.mark.parametrize("provider", [devices.CUDA, devices.TENSORRT])
def test_a_device_that_the_installed_onnx_runtime_cannot_use_is_a_failure_that_names_the_package(monkeypatch, provider):
    monkeypatch.setattr(devices, "count_devices", lambda: 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(pytest.fail.Exception, match="install onnxruntime-gpu"):
        devices.require(provider)
