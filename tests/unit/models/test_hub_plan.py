"""What a repository is about that is built with checkpoints and prompts, and which plans are refused."""

import sys
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parent))

from tiny_checkpoints import WRITERS

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.encoders import text_weights_path
from processors.models.hub.prompts import encode_prompts
from processors.models.networks import find_tokenizer, is_shipped, load_network, read_facts
from processors.models.plan import ModelPlan, PromptPlan
from processors.models.skeleton import render_skeleton
from processors.models.spec import EMBEDDING_DIMS

PROMPTS = PromptPlan(
    {"smoke": ("a photo of smoke", "smoke in the street"), "break_in": ("glass breaking",)}, ("a photo", "a scene"), 0.6
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Kind -> folder of a checkpoint that no test changes."""
    folders = {}
    for kind in ("clip", "siglip", "clap", "bert", "ast"):
        folder = tmp_path_factory.mktemp(kind)
        WRITERS[kind](folder)
        folders[kind] = str(folder)
    return folders


def test_sizes_follow_from_the_checkpoints_and_classes_from_the_prompts(kept) -> None:
    facts = read_facts(ModelPlan(video=kept["clip"], audio=kept["ast"], transcript=kept["siglip"], prompts=PROMPTS))

    assert facts.dims == {Modality.VIDEO: 24, Modality.AUDIO: 32, Modality.TRANSCRIPT: 32}
    assert facts.classes == ("smoke", "break_in")
    assert facts.thresholds == {"smoke": 0.6, "break_in": 0.6}
    assert facts.make_specs()["text_tokenizer"].parameters == {"max_tokens": "20"}
    assert facts.make_specs()["fusion"].inputs[0].shape == (32, 24)


def test_what_a_person_reads_about_a_model_names_its_checkpoint(kept) -> None:
    files = render_skeleton(read_facts(ModelPlan(video=kept["clip"], transcript=kept["bert"], prompts=PROMPTS)))
    shipped = render_skeleton()

    assert kept["clip"] in files["video_encoder/README.md"]
    assert "EfficientNet" not in files["video_encoder/README.md"]
    assert kept["bert"] in files["text_tokenizer/README.md"]
    assert kept["bert"] in files["text_encoder_onnx/README.md"]
    assert "never trained" in files["fusion/README.md"]
    assert files["audio_encoder/README.md"] == shipped["audio_encoder/README.md"]


def test_an_encoder_of_other_sizes_needs_another_fusion(kept) -> None:
    with pytest.raises(ModelError, match=r"takes embeddings of video \[1280\].*give video \[24\].*models\.prompts"):
        read_facts(ModelPlan(video=kept["clip"]))


@pytest.mark.parametrize("kind", ["ast", None])
def test_prompts_need_an_encoder_that_was_trained_with_texts(kept, kind: str | None) -> None:
    plan = ModelPlan(audio=kind and kept[kind], transcript=kept["bert"], prompts=PROMPTS)

    with pytest.raises(ModelError, match=r"trained together with texts \(video: CLIP, SigLIP; audio: CLAP\)"):
        encode_prompts(plan, PROMPTS)


def test_both_pairs_of_a_plan_are_asked_and_nothing_else(kept) -> None:
    plan = ModelPlan(video=kept["siglip"], audio=kept["clap"], transcript=kept["clip"])

    assert set(encode_prompts(plan, PROMPTS)) == {"video", "audio"}


@pytest.mark.parametrize(("kind", "family"), [("clip", "CLIP"), ("siglip", "Siglip")])
def test_a_prompt_fits_a_picture_as_the_library_says(kept, kind: str, family: str) -> None:
    """The library's own logits of pictures and texts, for a class of one text."""
    plan = ModelPlan(video=kept[kind], prompts=PROMPTS)
    prompts = encode_prompts(plan, PROMPTS)["video"]
    model = getattr(transformers, f"{family}Model").from_pretrained(kept[kind])
    side = model.config.vision_config.image_size
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    tokens = Tokenizer.from_file(f"{kept[kind]}/tokenizer.json")
    tokens.enable_padding(length=20 if kind == "siglip" else 6, pad_id=1)
    ids = torch.tensor([each.ids for each in tokens.encode_batch(["glass breaking", *PROMPTS.background])])
    with torch.inference_mode():
        expected = model(input_ids=ids, pixel_values=pixels).logits_per_image
        seen = torch.nn.functional.normalize(model.get_image_features(pixels).pooler_output, dim=1)

    torch.testing.assert_close(
        prompts.scale * seen @ torch.cat([prompts.classes[1:], prompts.background]).T + (prompts.shift or 0.0),
        expected,
        atol=2e-3,
        rtol=1e-4,
    )
    assert (prompts.shift is None) == (kind == "clip")


def test_only_what_a_plan_names_is_not_shipped(kept) -> None:
    plan = ModelPlan(audio=kept["ast"], prompts=PROMPTS)

    assert [
        name for name in ("video_encoder", "audio_encoder", "text_encoder_onnx", "fusion") if is_shipped(name, plan)
    ] == [
        "video_encoder",
        "text_encoder_onnx",
    ]
    assert read_facts(ModelPlan()).dims == EMBEDDING_DIMS


def test_the_tokenizer_is_that_of_the_text_encoder(kept) -> None:
    assert find_tokenizer(ModelPlan(transcript=kept["bert"])) == Path(kept["bert"], "tokenizer.json")
    assert find_tokenizer(ModelPlan(video=kept["clip"])) == text_weights_path() / "tokenizer.json"


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    WRITERS["bert"](tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"')

    with pytest.raises(ModelError, match=r"tokenizer\.json is no tokenizer.*is the file whole"):
        find_tokenizer(ModelPlan(transcript=str(tmp_path)))


def test_the_fusion_of_a_plan_answers_for_its_classes(kept) -> None:
    plan = ModelPlan(video=kept["clip"], audio=kept["clap"], transcript=kept["bert"], prompts=PROMPTS)
    spec = read_facts(plan).make_specs()["fusion"]

    answer = load_network("fusion", plan)(*[torch.from_numpy(each) for each in spec.sample(2).values()])

    assert [tuple(each.shape) for each in answer] == [(2, *tensor.shape) for tensor in spec.outputs]
