"""Encoders and a fusion network as one graph: the same answers as in two steps, and what a plan makes of it."""

import json

import pytest
import torch
from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.fusion import FusionShape, RawFusion, ServedFusion, Task, make_fusion
from processors.models.networks import is_shipped, load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.spec import EMBEDDING_DIMS, RAW_MAX_BATCH

BATCH, FRAMES, SECONDS, SEGMENTS = 3, 4, 2, 3


class TinyFrames(nn.Module):
    """Two answers, as the frame encoder gives."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 5)

    def forward(self, frames):
        features = frames.float().flatten(1) / 255
        return self.linear(features), features.half()


class Given(nn.Module):
    """Answers the items that it is given."""

    def forward(self, video, _video_time, _video_weight, audio, *rest):
        return video, audio, rest[-1]


@pytest.fixture
def parts():
    torch.manual_seed(0)
    shape = FusionShape(
        modalities={"video": 5, "audio": 4, "transcript": 3}, tasks=(Task("event", ("a", "b"), False),), width=128
    )
    fusion = ServedFusion(make_fusion("attention", shape)).eval()
    return fusion, {Modality.VIDEO: TinyFrames().eval(), Modality.AUDIO: nn.Linear(6, 4).eval()}


def draw():
    generator = torch.Generator().manual_seed(1)

    def times_and_weights(count):
        weight = torch.rand(BATCH, count, generator=generator)
        weight[:, -1] = 0.0
        return torch.rand(BATCH, count, generator=generator), weight

    frames = torch.randint(0, 256, (BATCH, FRAMES, 2, 2, 3), dtype=torch.uint8, generator=generator)
    samples = torch.randn(BATCH, SECONDS, 6, generator=generator)
    texts = torch.randn(BATCH, SEGMENTS, 3, generator=generator)
    return [
        frames,
        *times_and_weights(FRAMES),
        samples,
        *times_and_weights(SECONDS),
        texts,
        *times_and_weights(SEGMENTS),
    ]


def test_items_encoded_inside_are_answered_as_items_encoded_before(parts):
    fusion, encoders = parts
    inputs = draw()
    embedded = list(inputs)
    embedded[0] = encoders[Modality.VIDEO](inputs[0].flatten(0, 1))[0].reshape(BATCH, FRAMES, 5)
    embedded[3] = encoders[Modality.AUDIO](inputs[3])
    with torch.inference_mode():
        answer, expected = RawFusion(fusion, encoders)(*inputs), fusion(*embedded)
    torch.testing.assert_close(answer, expected)
    assert answer.contributions.abs().amax(dim=(0, 2)).min() > 0


def test_a_modality_without_an_encoder_keeps_its_embeddings(parts):
    fusion, encoders = parts
    inputs = draw()
    inputs[3] = torch.randn(BATCH, SECONDS, 4)
    embedded = list(inputs)
    embedded[0] = encoders[Modality.VIDEO](inputs[0].flatten(0, 1))[0].reshape(BATCH, FRAMES, 5)
    with torch.inference_mode():
        answer = RawFusion(fusion, {Modality.VIDEO: encoders[Modality.VIDEO]})(*inputs)
        torch.testing.assert_close(answer, fusion(*embedded))


def test_what_stands_in_padding_is_not_looked_at_and_becomes_zeros(parts):
    _, encoders = parts
    inputs, spoilt = draw(), draw()
    spoilt[0][:, -1] = 255
    spoilt[3][:, -1] = torch.nan
    raw = RawFusion(Given(), encoders)
    with torch.inference_mode():
        video, audio, _ = raw(*spoilt)
        torch.testing.assert_close((video, audio), raw(*inputs)[:2])
    assert not video[:, -1].any()
    assert not audio[:, -1].any()
    assert video[:, :-1].any()


def test_a_plan_puts_its_encoders_before_its_fusion_and_keeps_them_in_the_repository():
    plan = ModelPlan(raw={Modality.VIDEO: 2, Modality.AUDIO: 1})
    facts, network = read_facts(plan), load_network("fusion", plan)
    specs = facts.make_specs()
    shapes = {tensor.name: (tensor.dtype, tensor.shape) for tensor in specs["fusion"].inputs}
    assert shapes["video"] == ("UINT8", (2, 224, 224, 3))
    assert shapes["video_weight"] == ("FP32", (2,))
    assert shapes["audio"] == ("FP32", (1, 16_000))
    assert shapes["transcript"] == ("FP32", (16, EMBEDDING_DIMS[Modality.TRANSCRIPT]))
    assert specs["fusion"].max_batch_size == RAW_MAX_BATCH
    assert specs.keys() >= {"video_encoder", "audio_encoder", "text_encoder"}
    assert "video and audio raw" in facts.cards["fusion"]
    assert isinstance(network, RawFusion)
    assert not network.training
    assert not is_shipped("fusion", plan)


def test_another_number_of_raw_items_is_another_repository():
    identities = [ModelPlan(raw=raw).identity() for raw in ({}, {Modality.VIDEO: 8}, {Modality.VIDEO: 4})]
    assert len({json.dumps(identity) for identity in identities}) == 3


def test_raw_is_no_kind_of_its_own_and_the_refusal_says_what_to_do():
    with pytest.raises(
        ModelError, match=r"train one of concat, .* by `joint` of `braid train`, and build .*`models.raw`"
    ):
        make_fusion("raw", FusionShape(modalities={"video": 5}, tasks=(Task("event", ("a",), False),)))
