import sys
from pathlib import Path

import pytest

from processors.scenes.anomalies import Source, read_hearings, read_places

sys.path.insert(0, str(Path(__file__).parent))

from anomaly_material import write_encoders, write_material


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips and sounds as `braid evaluate anomalies --data` takes them."""
    folder = tmp_path_factory.mktemp("anomalies")
    write_material(folder)
    return folder


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository of tiny encoders."""
    folder = tmp_path_factory.mktemp("models")
    write_encoders(folder)
    return folder


@pytest.fixture(scope="session")
def sources(material: Path) -> list[Source]:
    places = read_places(material / "clips", 2)
    hearings = read_hearings(material / "esc10", len(places))
    return [Source(place, hearing, seed) for seed, (place, hearing) in enumerate(zip(places, hearings, strict=True))]


@pytest.fixture(scope="session")
def gate(sources: list[Source]) -> Source:
    return sources[0]
