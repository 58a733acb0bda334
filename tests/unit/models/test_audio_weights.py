"""The tuned weights of the audio encoder: what is committed loads and hears, any other file is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from processors.errors import ModelError
from processors.models.audio_weights import AUDIO_ENCODER_WEIGHTS_PATH, save_tuned
from processors.models.encoders import AudioEncoder

MAX_WEIGHTS_BYTES = 3_500_000


def test_the_committed_weights_are_small_finite_and_in_half_precision():
    assert AUDIO_ENCODER_WEIGHTS_PATH.stat().st_size <= MAX_WEIGHTS_BYTES
    tensors = load_file(AUDIO_ENCODER_WEIGHTS_PATH).values()
    assert all(tensor.dtype is torch.float16 and torch.isfinite(tensor).all() for tensor in tensors)


def test_the_card_and_the_facts_tell_the_same():
    facts = json.loads(AUDIO_ENCODER_WEIGHTS_PATH.with_suffix(".json").read_text(encoding="utf-8"))
    card = AUDIO_ENCODER_WEIGHTS_PATH.with_suffix(".md").read_text(encoding="utf-8")
    assert facts["learned"] == ["fold 1", "fold 2"]
    for encoder in ("untuned", "tuned"):
        assert f"{100 * facts['probe'][encoder]['chunks at 10 dB']['mean']:.1f}" in card
    assert "audio-attribution.txt" in card


def test_tuning_leaves_the_lower_blocks_and_all_batch_statistics_as_imagenets():
    plain, tuned = AudioEncoder(weights=None).state_dict(), AudioEncoder().state_dict()
    moved = {name for name in plain if not torch.equal(plain[name], tuned[name])}
    assert moved
    assert all(name.startswith("upper.") and "running_" not in name for name in moved)


def test_what_is_saved_is_loaded_again_to_half_precision(tmp_path):
    encoder = AudioEncoder(weights=None)
    with torch.no_grad():
        for parameter in encoder.upper.parameters():
            parameter.mul_(1.01)
    save_tuned(encoder.upper, tmp_path / "w.safetensors")

    loaded = AudioEncoder(weights=tmp_path / "w.safetensors")

    sound = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.no_grad():
        torch.testing.assert_close(loaded(sound), encoder(sound), atol=2e-3, rtol=0)


def test_a_missing_cut_or_foreign_file_is_refused_and_named(tmp_path):
    whole = AUDIO_ENCODER_WEIGHTS_PATH.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    tensors = load_file(AUDIO_ENCODER_WEIGHTS_PATH)
    first = min(tensors)
    save_file(tensors | {"extra.weight": torch.zeros(1)}, tmp_path / "more.safetensors")
    save_file({name: tensors[name] for name in tensors if name != first}, tmp_path / "less.safetensors")
    save_file(tensors | {first: torch.zeros(3)}, tmp_path / "shape.safetensors")
    save_file(tensors | {first: torch.full_like(tensors[first], float("nan"))}, tmp_path / "nan.safetensors")

    for name, told in {
        "none": "do not load",
        "cut": "do not load",
        "more": "extra.weight",
        "less": first,
        "shape": r"\[3\], expected",
        "nan": f"not finite in {first}",
    }.items():
        with pytest.raises(ModelError, match=told) as refused:
            AudioEncoder(weights=tmp_path / f"{name}.safetensors")
        assert f"{name}.safetensors" in str(refused.value)
