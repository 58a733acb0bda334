"""What needs a CUDA device; without one, everything here is skipped and says so."""

from pathlib import Path

import pytest

from tests.gpu.devices import CUDA, TENSORRT, require


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def cuda() -> None:
    """Skips unless ONNX Runtime really computes on a CUDA device."""
    require(CUDA)


@pytest.fixture(scope="session", params=[CUDA, TENSORRT])
def provider(request: pytest.FixtureRequest) -> str:
    """Each of the providers that compute on a GPU."""
    require(request.param)
    return str(request.param)
