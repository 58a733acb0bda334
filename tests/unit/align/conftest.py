"""Fixtures of the event-time tests: an aligner with a clock that is turned by hand."""

import sys
from pathlib import Path

import pytest

# Test folders are no packages: the modules beside this file are found by their folder.
sys.path.insert(0, str(Path(__file__).parent))

from align_bench import VIDEO, Bench

from streams.align import Role


@pytest.fixture
def make_bench():
    return Bench


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def video_only():
    return Bench(roles={VIDEO: Role.REQUIRED})
