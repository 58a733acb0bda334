"""When two plans make the same repository."""

import os

from processors.models.plan import Device, Instances, ModelPlan


def test_what_is_shipped_has_nothing_to_say():
    assert ModelPlan().identity() == {}


def test_a_fusion_file_is_known_by_what_it_holds_and_not_by_where_it_lies(tmp_path):
    one, copy, other = (tmp_path / name for name in ("one", "copy", "other"))
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    other.write_bytes(b"weightz")
    assert ModelPlan(fusion=one).identity() == ModelPlan(fusion=copy).identity()
    assert ModelPlan(fusion=one).identity() != ModelPlan(fusion=other).identity()
    assert "No such file" in ModelPlan(fusion=tmp_path / "gone").identity()["fusion"]


def test_each_encoder_has_a_checkpoint_of_its_own():
    assert ModelPlan(video="a").identity() != ModelPlan(audio="a").identity()
    assert ModelPlan(video="a").identity() != ModelPlan(video="b").identity()


def test_other_instances_are_another_repository():
    assert ModelPlan(instances=Instances(2)).identity() != ModelPlan(instances=Instances(3)).identity()
    assert ModelPlan(instances=Instances(1, Device.GPU)).identity() != {}


def test_a_folder_that_changes_is_another_checkpoint(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    plan = ModelPlan(transcript=str(tmp_path))
    before = plan.identity()
    assert plan.identity() == before
    os.utime(weights, ns=(1, 1))
    assert plan.identity() != before
