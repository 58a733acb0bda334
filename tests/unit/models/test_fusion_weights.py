import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from processors.errors import ModelError
from processors.models.fusion import FUSION_WEIGHTS_PATH, FusionNetwork, load_fusion
from processors.models.labels import FUSION_FACTS_PATH, load_thresholds
from processors.models.spec import EVENT_CLASSES, FUSION

MAX_WEIGHTS_BYTES = 1_500_000


def test_the_committed_weights_load_and_are_small():
    network = load_fusion()
    assert not network.training
    assert FUSION_WEIGHTS_PATH.stat().st_size < MAX_WEIGHTS_BYTES


def test_every_event_class_has_a_threshold_in_the_order_of_the_outputs():
    thresholds = load_thresholds()
    assert tuple(thresholds) == EVENT_CLASSES
    assert all(0 < threshold < 1 for threshold in thresholds.values())


def test_a_window_with_nothing_in_it_stays_far_below_every_threshold():
    nothing = [torch.zeros((1, *tensor.shape)) for tensor in FUSION.inputs]
    with torch.inference_mode():
        probabilities, contributions, embedding = load_fusion()(*nothing)
    limits = np.array(list(load_thresholds().values()))
    assert (probabilities.numpy()[0] < limits / 2).all()
    assert (contributions == 0).all()
    assert torch.isfinite(embedding).all()


def test_seeds_of_training_validation_and_test_are_disjoint_and_leave_the_first_hundred_alone():
    seeds = json.loads(FUSION_FACTS_PATH.read_text(encoding="utf-8"))["seeds"]
    spans = [range(*map(int, seeds[name].split(":"))) for name in ("training", "validation", "test")]
    assert len(set().union(*spans)) == sum(len(span) for span in spans)
    assert min(span.start for span in spans) >= 100


def test_the_recorded_figures_keep_the_promise_of_the_model_card():
    total = json.loads(FUSION_FACTS_PATH.read_text(encoding="utf-8"))["test"]["views"]["all"]
    assert total["found_share"] >= 0.85
    assert total["false_alarms_per_minute"] <= 1.0


def test_weights_that_are_missing_or_of_another_network_are_refused_by_name(tmp_path: Path):
    with pytest.raises(ModelError, match=r"gone\.safetensors do not load"):
        load_fusion(tmp_path / "gone.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, other)
    with pytest.raises(ModelError, match=rf"other\.safetensors do not load.*{FusionNetwork.__name__}"):
        load_fusion(other)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(FUSION_WEIGHTS_PATH.read_bytes()[:500])
    with pytest.raises(ModelError, match=r"damaged\.safetensors do not load"):
        load_fusion(damaged)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        '{"thresholds": {"fire_alarm": 0.5}}',
        json.dumps({"thresholds": dict.fromkeys(EVENT_CLASSES, 1.5)}),
        json.dumps({"thresholds": dict.fromkeys(EVENT_CLASSES, "high")}),
    ],
    ids=["empty", "list", "class missing", "out of range", "no number"],
)
def test_damaged_thresholds_are_refused_by_name(tmp_path: Path, document: str):
    path = tmp_path / "facts.json"
    path.write_text(document, encoding="utf-8")
    with pytest.raises(ModelError, match=r"thresholds in .*facts\.json"):
        load_thresholds(path)
