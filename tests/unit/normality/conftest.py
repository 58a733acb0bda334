"""Test folders are no packages: the modules beside this file are found by their folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
