import numpy as np
import pytest

from processors.scenes import Scene, SceneSettings, compose_scene


@pytest.fixture(scope="session")
def footage() -> np.ndarray:
    """Twelve noisy frames, a little larger than the scenes of these tests."""
    grain = np.random.default_rng(1).integers(80, 150, size=(12, 54, 72, 3))
    return grain.astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)


@pytest.fixture(scope="session")
def small() -> SceneSettings:
    return SceneSettings(seed=41, duration_s=14.0, width_px=128, height_px=96, event_every_s=7.0)


@pytest.fixture(scope="session")
def scene(small: SceneSettings, footage: np.ndarray) -> Scene:
    return compose_scene(small, footage)
