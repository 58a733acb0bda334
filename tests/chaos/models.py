"""The model repository of chaos: the names, inputs and outputs of Braid's own, and models that cost nothing."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from processors.models.config_pbtxt import render_config
from processors.models.served import shipped_facts
from processors.models.spec import DynamicBatching

__all__ = ["ModelRepository"]

_MODEL = Path(__file__).with_name("_served_model.py")


class ModelRepository:
    """A repository for Triton, and the file by which its models are told how to behave."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "models"
        self._control = directory / "control.json"

    def write(self) -> None:
        """Lay out the four models that a worker asks."""
        self.set_call_s(0.0)
        specs = shipped_facts().make_specs()
        for spec in (specs[name] for name in ("video_encoder", "audio_encoder", "text_encoder", "fusion")):
            served = replace(
                spec,
                backend="python",
                instance_kind="KIND_CPU",
                steps=(),
                batching=DynamicBatching(),
                labels=MappingProxyType({}),
                parameters=MappingProxyType({**spec.parameters, "control": str(self._control)}),
            )
            folder = self.path / spec.name
            (folder / "1").mkdir(parents=True, exist_ok=True)
            (folder / "config.pbtxt").write_text(render_config(served), encoding="utf-8")
            (folder / "1" / "model.py").write_text(_MODEL.read_text(encoding="utf-8"), encoding="utf-8")

    def set_call_s(self, call_s: float) -> None:
        """How long each call takes from now on, beside its work."""
        fresh = self._control.with_suffix(".fresh")
        fresh.write_text(json.dumps({"call_s": call_s}), encoding="utf-8")
        fresh.replace(self._control)
