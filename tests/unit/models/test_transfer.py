"""Transfer: exactly as much of an encoder learns as the setting says, and what is served carries no adapters."""

import copy

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import TensorDataset
from transformers import BertConfig, BertModel

from processors.errors import ModelError
from processors.models.encoders import EfficientNetLite0
from processors.models.loop import LoopSettings, fit
from processors.models.transfer import KINDS, Transfer, TunedEncoder, find_blocks, load_tuned, save_tuned

CHANNELS = 8


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.spread = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS)
        self.mix = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.drop = nn.Dropout(0.3)

    def forward(self, maps):
        return maps + self.drop(torch.relu(self.norm(self.mix(self.spread(maps)))))


class Encoder(nn.Module):
    """A stem, three blocks and a layer after them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, CHANNELS, 3, padding=1), nn.BatchNorm2d(CHANNELS))
        self.blocks = nn.Sequential(Block(), Block(), Block())
        self.after = nn.Linear(CHANNELS, 4)

    def forward(self, pictures):
        return self.after(self.blocks(self.stem(pictures)).mean(dim=(2, 3)))


class Learner(LightningModule):
    """A tuned encoder and a head above it."""

    def __init__(self, tuned):
        super().__init__()
        self.tuned = tuned
        self.head = nn.Linear(4, 2)

    def loss(self, batch):
        pictures, labels = batch
        return nn.functional.cross_entropy(self.head(self.tuned(pictures)), labels)

    def training_step(self, batch, _):
        return self.loss(batch)

    def validation_step(self, batch, _):
        self.log("validation_loss", self.loss(batch))

    def configure_optimizers(self):
        return torch.optim.AdamW([*self.tuned.learning_parameters(), *self.head.parameters()], lr=0.02)


def make_encoder():
    torch.manual_seed(0)
    return Encoder().eval()


def make_data():
    torch.manual_seed(1)
    labels = torch.arange(32) % 2
    return TensorDataset(torch.randn(32, 1, 6, 6) + 0.7 * (2.0 * labels - 1)[:, None, None, None], labels)


def learn(transfer, folder, epochs=6):
    encoder = make_encoder()
    torch.manual_seed(2)
    learner = Learner(TunedEncoder(encoder, transfer))
    data = make_data()
    before = judge(learner.eval(), data)
    fit(learner.train(), data, data, LoopSettings(folder=folder, epochs=epochs, batch_size=8, seed=3))
    return learner, before, judge(learner, data)


@torch.no_grad()
def judge(learner, data):
    return float(learner.loss(data.tensors))


def moved(encoder):
    """Names of the tensors that differ from the pretrained ones."""
    base = make_encoder().state_dict()
    return {name for name, tensor in encoder.state_dict().items() if not torch.equal(tensor, base[name])}


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss_whatever_is_transferred(kind, tmp_path):
    learner, before, after = learn(Transfer(kind=kind, last_n=2, rank=2), tmp_path)
    assert after < (0.95 if kind == "frozen" else 0.8) * before
    assert learner.tuned.training is False


def test_frozen_changes_nothing_in_training_batch_statistics_included(tmp_path):
    learner, _, _ = learn(Transfer(kind="frozen"), tmp_path)
    assert moved(learner.tuned.merge()) == set()
    assert learner.tuned.changed_tensors() == {}
    assert learner.tuned.count_parameters()[0] == 0


def test_last_n_trains_exactly_the_last_blocks_with_their_batch_statistics(tmp_path):
    learner, _, _ = learn(Transfer(kind="last_n", last_n=2), tmp_path)
    expected = {name for name in make_encoder().state_dict() if name.startswith(("blocks.1.", "blocks.2.", "after."))}
    assert moved(learner.tuned.merge()) == expected == set(learner.tuned.changed_tensors())


def test_full_trains_everything(tmp_path):
    learner, _, _ = learn(Transfer(kind="full"), tmp_path)
    assert moved(learner.tuned.merge()) == set(make_encoder().state_dict())


def test_lora_begins_as_the_pretrained_encoder():
    pictures, _ = make_data().tensors
    adapted = TunedEncoder(make_encoder(), Transfer(kind="lora", rank=3, dropout=0.5))
    with torch.no_grad():
        assert torch.equal(adapted.train()(pictures), make_encoder()(pictures))


def test_lora_leaves_the_weights_alone_until_it_is_merged_and_then_answers_the_same(tmp_path):
    pictures, _ = make_data().tensors
    learner, _, _ = learn(Transfer(kind="lora", rank=2), tmp_path)
    tuned = learner.tuned
    held = {name.replace(".base_layer", ""): tensor for name, tensor in tuned.encoder.state_dict().items()}
    base = make_encoder().state_dict()
    assert all(torch.equal(held[name], base[name]) for name in base)
    with pytest.raises(ModelError, match="merge them first"):
        tuned.changed_tensors()
    with torch.no_grad():
        adapted = tuned(pictures)
        merged = tuned.merge()
        torch.testing.assert_close(merged(pictures), adapted, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(adapted, make_encoder()(pictures), atol=1e-2)
    assert [type(part) for part in merged.modules()] == [type(part) for part in make_encoder().modules()]
    expected = {"stem.0.weight", "after.weight", *(f"blocks.{row}.mix.weight" for row in range(3))}
    assert moved(merged) == set(tuned.changed_tensors()) == expected


def test_lora_has_the_parameters_of_its_rank_in_the_layers_that_are_named_and_no_others():
    tuned = TunedEncoder(make_encoder(), Transfer(kind="lora", rank=2, targets=("mix",)))
    learning, total = tuned.count_parameters()
    assert learning == 3 * 2 * (CHANNELS + CHANNELS)
    assert total == learning + sum(parameter.numel() for parameter in make_encoder().parameters())


def test_only_what_learns_drops_values_and_moves_batch_statistics():
    tuned = TunedEncoder(make_encoder(), Transfer(kind="last_n", last_n=1)).train()
    modes = {name: part.training for name, part in tuned.encoder.named_modules() if name}
    assert {name for name, is_training in modes.items() if is_training} == {
        name for name in modes if name.startswith(("blocks.2", "after"))
    }
    tuned.eval()
    assert not any(part.training for part in tuned.modules())


def test_what_was_saved_makes_the_same_encoder_of_the_pretrained_one(tmp_path):
    pictures, _ = make_data().tensors
    learner, _, _ = learn(Transfer(kind="lora", rank=2), tmp_path)
    merged = learner.tuned.merge()
    save_tuned(learner.tuned, tmp_path / "w.safetensors")
    other = make_encoder()
    load_tuned(other, tmp_path / "w.safetensors")
    assert moved(other) == moved(merged)
    with torch.no_grad():
        torch.testing.assert_close(other(pictures), merged(pictures), atol=0.02, rtol=0.02)


def test_a_file_of_another_encoder_or_none_is_refused_and_changes_nothing(tmp_path):
    tuned = TunedEncoder(make_encoder(), Transfer(kind="full"))
    path = tmp_path / "w.safetensors"
    save_tuned(tuned, path)
    other = nn.Sequential(nn.Linear(2, 2))
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ModelError, match="belong to another encoder"):
        load_tuned(other, path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ModelError, match="is the file whole"):
        load_tuned(make_encoder(), path)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "half"}, "choose one of frozen, last_n, full, lora"),
        ({"kind": "lora", "rank": 0}, "rank 0"),
        ({"kind": "last_n", "last_n": 5}, "it has 4"),
        ({"kind": "lora", "targets": ("query",)}, "called 'query'"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(wrong, told):
    with pytest.raises(ModelError, match=told):
        TunedEncoder(make_encoder(), Transfer(**wrong))


def test_blocks_of_a_text_encoder_are_its_embeddings_and_its_layers():
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16)
    network = BertModel(config)
    assert find_blocks(network) == [
        (network.embeddings,),
        (network.encoder.layer[0],),
        (network.encoder.layer[1],),
        (network.encoder.layer[2], network.pooler),
    ]
    tuned = TunedEncoder(network, Transfer(kind="lora", rank=2, targets=("query", "value")))
    assert tuned.count_parameters()[0] == 3 * 2 * 2 * (8 + 8)


def test_the_image_network_takes_adapters_at_all_pointwise_layers_and_gives_the_same_answer_merged():
    network = EfficientNetLite0()
    blocks = find_blocks(network)
    assert blocks[0] == (network.stem,)
    assert blocks[-1] == (network.upper[-1], network.head)
    assert len(blocks) == 1 + len(network.lower) + len(network.upper)
    pictures = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, _ = network(pictures)
        tuned = TunedEncoder(network, Transfer(kind="lora", rank=2))
        assert torch.equal(tuned(pictures)[0], expected)
        torch.manual_seed(0)
        for parameter in tuned.learning_parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        adapted, _ = tuned(pictures)
        merged, _ = tuned.merge()(pictures)
    assert not torch.allclose(adapted, expected, atol=1e-4)
    torch.testing.assert_close(merged, adapted, atol=1e-4, rtol=1e-3)
