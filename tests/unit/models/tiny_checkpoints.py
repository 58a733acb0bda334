"""Tiny checkpoints with random weights, written as the library writes real ones, each with its tokenizer."""

from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

__all__ = ["WRITERS", "write_tokenizer"]

VOCABULARY = 1000
START_ID, END_ID = 998, 999
_WORDS = (
    "a photo of smoke fire glass breaking street scene the sound an alarm crowd dog barking nothing".split()  # noqa: SIM905
)
_TRANSFORMER = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def write_clip(folder: Path) -> None:
    _seed()
    text = {**_TRANSFORMER, "vocab_size": VOCABULARY, "max_position_embeddings": 24}
    text |= {"bos_token_id": START_ID, "eos_token_id": END_ID, "pad_token_id": 1}
    vision = {**_TRANSFORMER, "image_size": 48, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    _spread(transformers.CLIPModel(config)).save_pretrained(folder)
    transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 48, "width": 48}
    ).save_pretrained(folder)
    write_tokenizer(folder)


def write_clip_vision(folder: Path) -> None:
    _seed()
    config = transformers.CLIPVisionConfig(**_TRANSFORMER, image_size=224, patch_size=32, projection_dim=24)
    _spread(transformers.CLIPVisionModelWithProjection(config)).save_pretrained(folder)
    transformers.CLIPImageProcessorPil().save_pretrained(folder)


def write_siglip(folder: Path) -> None:
    _seed()
    text = {**_TRANSFORMER, "vocab_size": VOCABULARY, "max_position_embeddings": 20, "pad_token_id": 1}
    text |= {"bos_token_id": START_ID, "eos_token_id": END_ID, "projection_size": 32}
    vision = {**_TRANSFORMER, "image_size": 256, "patch_size": 32}
    _spread(
        transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision))
    ).save_pretrained(folder)
    transformers.SiglipImageProcessorPil(size={"height": 256, "width": 256}).save_pretrained(folder)
    write_tokenizer(folder)


def write_ast(folder: Path) -> None:
    _seed()
    config = transformers.ASTConfig(**_TRANSFORMER, max_length=128, num_mel_bins=32, patch_size=16)
    _spread(transformers.ASTModel(config)).save_pretrained(folder)
    transformers.ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)


def write_clap(folder: Path, *, is_fused: bool = False) -> None:
    _seed()
    text = {**_TRANSFORMER, "vocab_size": VOCABULARY, "max_position_embeddings": 40, "projection_dim": 24}
    audio = {
        "patch_embeds_hidden_size": 16,
        "hidden_size": 64,
        "depths": [1, 1, 2],
        "num_attention_heads": [2, 2, 2],
        "num_hidden_layers": 3,
        "window_size": 4,
        "spec_size": 128,
        "num_mel_bins": 32,
        "projection_dim": 24,
        "enable_fusion": is_fused,
        "fusion_type": None,
    }
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
    _spread(transformers.ClapModel(config)).save_pretrained(folder)
    transformers.ClapFeatureExtractor(
        feature_size=32, max_length_s=3, truncation="fusion" if is_fused else "rand_trunc"
    ).save_pretrained(folder)
    write_tokenizer(folder)


def write_bert(folder: Path) -> None:
    _seed()
    config = transformers.BertConfig(**_TRANSFORMER, vocab_size=VOCABULARY, max_position_embeddings=64)
    _spread(transformers.BertModel(config)).save_pretrained(folder)
    write_tokenizer(folder)


def write_roberta(folder: Path) -> None:
    _seed()
    config = transformers.RobertaConfig(**_TRANSFORMER, vocab_size=VOCABULARY, max_position_embeddings=66)
    _spread(transformers.RobertaModel(config, add_pooling_layer=False)).save_pretrained(folder)
    write_tokenizer(folder)


def write_xlm_roberta(folder: Path) -> None:
    _seed()
    config = transformers.XLMRobertaConfig(**_TRANSFORMER, vocab_size=VOCABULARY, max_position_embeddings=66)
    _spread(transformers.XLMRobertaModel(config, add_pooling_layer=False)).save_pretrained(folder)
    write_tokenizer(folder)


def write_tokenizer(folder: Path) -> None:
    """Words of a short list, whole, between a start and an end, as CLIP's tokenizer places them."""
    ids = {word: 4 + index for index, word in enumerate(_WORDS)}
    ids |= {"[UNK]": 3, "[PAD]": 1, "[START]": START_ID, "[END]": END_ID}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[START] $A [END]", special_tokens=[("[START]", START_ID), ("[END]", END_ID)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


WRITERS: dict[str, Callable[[Path], None]] = {
    "clip": write_clip,
    "clip_vision": write_clip_vision,
    "siglip": write_siglip,
    "ast": write_ast,
    "clap": write_clap,
    "bert": write_bert,
    "roberta": write_roberta,
    "xlm_roberta": write_xlm_roberta,
}


def _seed() -> None:
    torch.manual_seed(11)


def _spread(model: torch.nn.Module) -> torch.nn.Module:
    """Weights far enough from zero that every part of the network shows in its answer."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() >= 1 and "norm" not in name:
                parameter.normal_(0.0, 0.15)
    return model.eval()
