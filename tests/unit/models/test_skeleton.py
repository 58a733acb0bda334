"""What lies in `triton_models/` is what the spec says, and Triton's own parser understands it."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from processors.models.cards import CARDS
from processors.models.config_pbtxt import render_config
from processors.models.plan import Device, Instances
from processors.models.served import ServedFacts, read_parameters
from processors.models.skeleton import render_skeleton, write_skeleton
from processors.models.spec import EMBEDDING_DIMS, FUSION, SPECS, TEXT_ENCODER, DynamicBatching, ModelSpec, TensorSpec

COMMITTED = Path(__file__).parents[3] / "triton_models"


@pytest.mark.parametrize("name", sorted(render_skeleton()))
def test_a_committed_file_is_what_the_spec_renders(name: str) -> None:
    assert (COMMITTED / name).read_text(encoding="utf-8") == render_skeleton()[name], (
        f"{name} has drifted from processors/models/spec.py: run `python -m processors.models.skeleton`"
    )


def test_nothing_else_is_committed() -> None:
    files = {path.relative_to(COMMITTED).as_posix() for path in COMMITTED.rglob("*") if path.is_file()}

    assert files == set(render_skeleton())


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_triton_reads_from_a_config_what_the_spec_says(spec: ModelSpec) -> None:
    config = text_format.Parse(render_config(spec), model_config_pb2.ModelConfig())

    assert config.name == spec.name
    assert config.max_batch_size == spec.max_batch_size
    assert (config.platform or config.backend) == spec.backend
    assert [(t.name, tuple(t.dims)) for t in config.input] == [(t.name, t.shape) for t in spec.inputs]
    assert [(t.name, tuple(t.dims)) for t in config.output] == [(t.name, t.shape) for t in spec.outputs]
    assert config.version_policy.WhichOneof("policy_choice") == ("all" if spec.versions_served == "all" else "latest")


@pytest.mark.parametrize("spec", [spec for spec in SPECS.values() if not spec.steps], ids=lambda spec: spec.name)
def test_every_model_that_runs_is_warmed_up_and_batches_dynamically(spec: ModelSpec) -> None:
    config = text_format.Parse(render_config(spec), model_config_pb2.ModelConfig())

    assert config.HasField("dynamic_batching")
    assert [group.count for group in config.instance_group] == [1]
    (warm_up,) = config.model_warmup
    sample = spec.sample()
    assert {name: (1, *value.dims) for name, value in warm_up.inputs.items()} == {
        name: array.shape for name, array in sample.items()
    }


def test_an_ensemble_has_its_steps_in_order() -> None:
    config = text_format.Parse(render_config(TEXT_ENCODER), model_config_pb2.ModelConfig())

    assert [step.model_name for step in config.ensemble_scheduling.step] == ["text_tokenizer", "text_encoder_onnx"]
    assert not config.instance_group
    assert not config.HasField("dynamic_batching")


@pytest.mark.parametrize(
    ("instances", "kind"),
    [
        (Instances(3, Device.GPU), "KIND_GPU"),
        (Instances(3, Device.TENSORRT), "KIND_GPU"),
        (Instances(3, Device.CPU), "KIND_CPU"),
        (Instances(3), "KIND_AUTO"),
    ],
)
def test_networks_run_as_often_and_where_they_are_told(instances: Instances, kind: str) -> None:
    files = render_skeleton(instances=instances)
    for spec in SPECS.values():
        config = text_format.Parse(files[f"{spec.name}/config.pbtxt"], model_config_pb2.ModelConfig())
        groups = [
            (group.count, model_config_pb2.ModelInstanceGroup.Kind.Name(group.kind)) for group in config.instance_group
        ]
        expected = {"onnxruntime": [(3, kind)], "python": [(1, "KIND_CPU")], "ensemble": []}
        assert groups == expected[spec.backend]


@pytest.mark.parametrize("device", Device)
def test_tensorrt_runs_the_networks_where_it_is_asked_for_and_nowhere_else(device: Device) -> None:
    files = render_skeleton(instances=Instances(1, device))
    for spec in SPECS.values():
        config = text_format.Parse(files[f"{spec.name}/config.pbtxt"], model_config_pb2.ModelConfig())
        accelerators = config.optimization.execution_accelerators
        names = [each.name for each in accelerators.gpu_execution_accelerator]
        is_asked = device is Device.TENSORRT and spec.backend == "onnxruntime"
        assert names == (["tensorrt"] if is_asked else [])


def test_the_labels_name_the_probabilities() -> None:
    config = text_format.Parse(render_config(FUSION), model_config_pb2.ModelConfig())

    assert {t.name: t.label_filename for t in config.output if t.label_filename} == {"probabilities": "labels.txt"}
    assert render_skeleton()["fusion/labels.txt"].splitlines() == list(FUSION.labels["probabilities"])


def test_what_a_worker_must_know_survives_the_config_whatever_stands_in_a_name() -> None:
    names = ("leck", "großer Riss", 'a "quoted" one', "back\\slash", "煙")
    facts = ServedFacts(EMBEDDING_DIMS, names, {"leck": 0.25, "煙": 1.0})
    files = render_skeleton(facts)

    config = text_format.Parse(files["fusion/config.pbtxt"], model_config_pb2.ModelConfig())
    parameters = {key: value.string_value for key, value in config.parameters.items()}

    assert read_parameters(parameters, EMBEDDING_DIMS) == facts
    assert files["fusion/labels.txt"].splitlines() == list(names)


def test_preferred_sizes_and_delay_are_rendered() -> None:
    spec = ModelSpec(
        name="m",
        inputs=(TensorSpec("x", "FP32", (2,)),),
        outputs=(TensorSpec("y", "FP32", (2,)),),
        backend="onnxruntime",
        max_batch_size=8,
        batching=DynamicBatching(preferred_sizes=(4, 8), max_queue_delay_us=1500),
    )

    batching = text_format.Parse(render_config(spec), model_config_pb2.ModelConfig()).dynamic_batching

    assert list(batching.preferred_batch_size) == [4, 8]
    assert batching.max_queue_delay_microseconds == 1500


def test_every_model_has_a_card() -> None:
    assert set(CARDS) == set(SPECS)


def test_writing_the_skeleton_leaves_other_files_alone(tmp_path: Path) -> None:
    mine = tmp_path / "fusion" / "1" / "model.onnx"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"graph")

    write_skeleton(tmp_path)

    assert mine.read_bytes() == b"graph"
    assert (tmp_path / "fusion" / "config.pbtxt").is_file()
