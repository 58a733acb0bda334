"""Encoders that learn from recordings: from which of them, how far, and that what they become is what is served."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from processors.datasets.recordings import read_recordings
from processors.datasets.windows import read_windows
from processors.errors import DatasetError, ModelError
from processors.modality import Modality
from processors.models.fusion import load_trained
from processors.models.hub.encoders import load_encoder
from processors.models.hub.tuned import digest_encoder, write_tuned
from processors.models.networks import find_tokenizer, load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.spec import FUSION
from processors.models.training.encoder_items import draw_items
from processors.models.training.recordings import RecordedItem
from processors.models.transfer import KINDS, Transfer, TunedEncoder
from processors.video import decode_frame
from streams.cli.recordings import make_tools

DEADLINE_S = 240
EPOCHS = 12


def test_encoders_learn_and_the_network_learns_from_what_they_became(tuning_plan, kept, eventful, train_on):
    told = []
    trained = train_on(wanted := tuning_plan(), told.append)
    facts = json.loads((wanted.out / "facts.json").read_text())
    assert set(facts["encoders"]) == {"video", "audio"}
    for about in facts["encoders"].values():
        assert about["validation_loss"]["tuned"] < about["validation_loss"]["frozen"]
        assert 0 < about["learning"] < about["parameters"]
    assert trained.encoders == {
        Modality.VIDEO: wanted.out / "video_encoder",
        Modality.AUDIO: wanted.out / "audio_encoder",
    }
    assert f"`models.encoders.video: {wanted.out / 'video_encoder'}`" in trained.report.markdown

    windows = read_windows(wanted.out / "windows.npz")
    film = next(name for name in windows.recordings if name.startswith("film"))
    row = int(np.flatnonzero(windows.recordings == film)[1])
    frame = next(
        item.payload
        for item in make_tools(wanted.recordings.fps, wanted.modalities).read(eventful / film)
        if item.start_ms == windows.starts_ms[row] and item.modality is Modality.VIDEO
    )
    tuned, before = (
        _see(load_encoder(name, Modality.VIDEO), frame)
        for name in (str(wanted.out / "video_encoder"), kept["clip_vision"])
    )
    np.testing.assert_allclose(windows.modalities[Modality.VIDEO].items[row, 0], tuned, atol=1e-3)
    assert np.abs(tuned - before).max() > 0.01

    drawn = {step.split()[3] for step in told if step.startswith("drawing items of")}
    assert drawn == {*facts["split"]["training"], *facts["split"]["validation"]}


def _see(encoder, jpeg):
    pixels = torch.from_numpy(decode_frame(jpeg, max_decoded_bytes=10**8).pixels)
    return encoder(pixels[None])[0][0].numpy()


def test_what_was_tuned_is_served_by_naming_its_folder(tuning_plan, train_on):
    wanted = tuning_plan()
    weights = train_on(wanted).weights
    served = ModelPlan(weights, video=str(wanted.out / "video_encoder"), audio=str(wanted.out / "audio_encoder"))
    facts = read_facts(served)
    assert facts.dims == {Modality.VIDEO: 24, Modality.AUDIO: 32, Modality.TRANSCRIPT: 384}
    assert facts.classes == ("crash",)
    assert "Fine-tuned in" in facts.cards["video_encoder"]
    assert load_network(FUSION.name, served).shape == load_trained(weights).model.shape
    assert digest_encoder(load_network("audio_encoder", served)) == digest_encoder(
        load_encoder(str(wanted.out / "audio_encoder"), Modality.AUDIO)
    )
    with pytest.raises(ModelError, match="is an encoder of audio that was tuned, which does not encode video"):
        read_facts(ModelPlan(weights, video=str(wanted.out / "audio_encoder")))


def test_words_are_learned_from_lines_of_any_length(tuning_plan, kept, train_on):
    encoders = {"transcript": {"transfer": "full", "checkpoint": kept["bert"], "epochs": 1}}
    wanted = tuning_plan(encoders=encoders, modalities=["transcript"])
    train_on(wanted)
    assert read_windows(wanted.out / "windows.npz").modalities[Modality.TRANSCRIPT].items.shape[2] == 32
    served = ModelPlan(wanted.out / "fusion.safetensors", transcript=str(wanted.out / "transcript_encoder"))
    assert read_facts(served).max_tokens == 64
    assert find_tokenizer(served) == Path(kept["bert"]) / "tokenizer.json"
    before, after = (load_encoder(name, Modality.TRANSCRIPT) for name in (kept["bert"], served.transcript))
    assert digest_encoder(before) != digest_encoder(after)


def test_a_tuning_killed_in_the_middle_ends_with_the_same_encoder_and_network(tuning_plan, kept, tmp_path, train_on):
    video = {"transfer": "last_n", "checkpoint": kept["clip_vision"], "epochs": EPOCHS, "batch_size": 4, "items": 40}
    whole, cut = (
        tuning_plan(encoders={"video": video}, modalities=["video"], out=tmp_path / name) for name in ("whole", "cut")
    )
    config = tmp_path / "cut.yaml"
    config.write_text(yaml.safe_dump(cut.model_dump(mode="json")))
    last = cut.out / "checkpoints/video_encoder/last.ckpt"
    command = [sys.executable, "-m", "streams.cli", "train", str(config)]
    with (tmp_path / "said").open("w") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            end = time.monotonic() + DEADLINE_S
            while not (last.exists() and torch.load(last, weights_only=True)["epoch"] >= 1):
                assert time.monotonic() < end, (tmp_path / "said").read_text()
                time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGKILL)
    assert torch.load(last, weights_only=True)["epoch"] < EPOCHS - 1
    assert not (cut.out / "video_encoder").exists()
    train_on(cut)
    train_on(whole)
    for name in ("video_encoder/model.safetensors", "video_encoder/config.json", "fusion.safetensors", "report.json"):
        assert (cut.out / name).read_bytes() == (whole.out / name).read_bytes()


def test_an_encoder_that_is_there_is_not_tuned_again(tuning_plan, train_on):
    wanted = tuning_plan()
    train_on(wanted)
    stamp = (wanted.out / "video_encoder/model.safetensors").stat().st_mtime_ns
    (wanted.out / "windows.npz").unlink()
    told = []
    train_on(wanted, told.append)
    assert not any(step.startswith("tuning") for step in told)
    assert (wanted.out / "video_encoder/model.safetensors").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "frozen"])
def test_the_shipped_encoder_is_tuned_and_read_again(kind, tmp_path):
    encoder = load_encoder(None, Modality.AUDIO)
    digest = digest_encoder(encoder)
    tuned = TunedEncoder(encoder, Transfer(kind=kind))
    with torch.no_grad():
        for parameter in tuned.learning_parameters():
            parameter.add_(0.01)
    tuned.merge()
    write_tuned(tmp_path / "sound", tuned, Modality.AUDIO, None, digest, {})
    sound = torch.rand(1, 16_000, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.no_grad():
        after = load_encoder(str(tmp_path / "sound"), Modality.AUDIO)(sound)
        torch.testing.assert_close(after, encoder(sound), atol=5e-3, rtol=0)
        assert not torch.allclose(after, load_encoder(None, Modality.AUDIO)(sound), atol=5e-3)
    with pytest.raises(ModelError, match="the shipped fusion network learned from the shipped encoders"):
        read_facts(ModelPlan(audio=str(tmp_path / "sound")))


def test_a_base_that_has_changed_is_refused(kept, tmp_path):
    encoder = load_encoder(kept["ast"], Modality.AUDIO)
    tuned = TunedEncoder(encoder, Transfer(kind="last_n", last_n=1))
    tuned.merge()
    write_tuned(tmp_path / "sound", tuned, Modality.AUDIO, kept["ast"], "0" * 64, {})
    with pytest.raises(ModelError, match=r"was tuned from .* with the digest 0+, which is now .*; put back"):
        load_encoder(str(tmp_path / "sound"), Modality.AUDIO)


def test_what_is_frozen_leaves_no_encoder(tuning_plan, train_on):
    wanted = tuning_plan(encoders={})
    trained = train_on(wanted)
    assert trained.encoders == {}
    assert not list(wanted.out.glob("*_encoder"))
    assert json.loads((wanted.out / "facts.json").read_text())["encoders"] == {}


def test_embeddings_teach_no_encoder(tuning_plan, tmp_path, train_on):
    (tmp_path / "windows.npz").write_bytes(b"")
    wanted = tuning_plan(data=tmp_path / "windows.npz")
    with pytest.raises(DatasetError, match=r"encoders\.video\.transfer is last_n, but windows hold embeddings"):
        train_on(wanted)


def test_what_cannot_be_tuned_leaves_the_folder_free(tuning_plan, kept, train_on):
    checkpoint = {"transfer": "last_n", "last_n": 50, "checkpoint": kept["clip_vision"]}
    with pytest.raises(ModelError, match="the last 50 blocks of HubFrameEncoder cannot learn"):
        train_on(tuning_plan(encoders={"video": checkpoint}))
    train_on(tuning_plan())


def test_items_are_drawn_evenly_and_left_out_where_an_event_only_touches_them(eventful):
    folder = read_recordings(eventful)
    items = [
        RecordedItem(Modality.AUDIO, 0, 1000, b"before"),
        RecordedItem(Modality.AUDIO, 500, 1499, b"touched"),
        RecordedItem(Modality.AUDIO, 500, 1500, b"half"),
        RecordedItem(Modality.AUDIO, 0, 9000, b"whole event inside"),
        *[RecordedItem(Modality.VIDEO, 5000, 5000, bytes([number])) for number in range(100)],
    ]
    limits = {Modality.AUDIO: 10, Modality.VIDEO: 10}
    found = draw_items(folder, {"sound0.wav"}, limits, lambda _path: items, 0, lambda _step: None)
    assert {item.payload: item.labels.tolist() for item in found[Modality.AUDIO]} == {
        b"before": [0],
        b"half": [1],
        b"whole event inside": [1],
    }
    assert len(found[Modality.VIDEO]) == 5
    again = draw_items(folder, {"sound0.wav"}, {Modality.VIDEO: 10}, lambda _path: items, 0, lambda _step: None)
    assert [each.payload for each in again[Modality.VIDEO]] == [each.payload for each in found[Modality.VIDEO]]
