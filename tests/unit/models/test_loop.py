"""The training loop: the same result however often it is interrupted, and the best pass kept."""

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import TensorDataset

from processors.errors import ModelError
from processors.models.loop import LoopSettings, fit

EPOCHS = 6


class Interrupted(BaseException):
    """As sudden as a kill."""


class Line(LightningModule):
    """Learns y = 3x under noise and dropout, so that every draw counts."""

    def __init__(self, *, ends_at=None, width=4, rate=0.02):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(1, width), nn.Dropout(0.2), nn.Linear(width, 1))
        self.passes = []
        self._ends_at = ends_at
        self._rate = rate

    def training_step(self, batch, _):
        if self.current_epoch == self._ends_at:
            raise Interrupted
        if self.current_epoch not in self.passes:
            self.passes.append(self.current_epoch)
        xs, ys = batch
        return nn.functional.mse_loss(self.network(xs + 0.1 * torch.randn_like(xs)), ys)

    def validation_step(self, batch, _):
        xs, ys = batch
        self.log("validation_loss", nn.functional.mse_loss(self.network(xs), ys))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self._rate)


def train(
    folder, *, ends_at=None, width=4, rate=0.02, seed=5, epochs=EPOCHS, patience=None, examples=None, is_shown=False
):
    torch.manual_seed(seed)
    line = Line(ends_at=ends_at, width=width, rate=rate)
    xs = torch.linspace(-1, 1, 32)[:, None] if examples is None else examples
    data = TensorDataset(xs, 3 * xs)
    settings = LoopSettings(folder=folder, epochs=epochs, batch_size=8, seed=seed, patience=patience, is_shown=is_shown)
    fit(line, data, data, settings)
    return line


def weights(line):
    return torch.cat([tensor.flatten() for tensor in line.state_dict().values()])


def test_training_that_was_interrupted_ends_where_it_would_have_ended(tmp_path):
    whole = train(tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(tmp_path / "cut", ends_at=3)
    resumed = train(tmp_path / "cut")
    assert resumed.passes == [3, 4, 5]
    assert torch.equal(weights(whole), weights(resumed))
    assert not torch.equal(weights(whole), weights(train(tmp_path / "other", seed=6)))


def test_training_ends_when_it_no_longer_helps(tmp_path):
    assert train(tmp_path, rate=0.0, patience=2).passes == [0, 1, 2]


def test_training_that_has_ended_is_not_taken_up_again(tmp_path):
    whole = train(tmp_path / "whole")
    again = train(tmp_path / "whole")
    assert again.passes == []
    assert torch.equal(weights(whole), weights(again))
    train(tmp_path / "early", rate=0.0, patience=2)
    assert train(tmp_path / "early", rate=0.0, patience=2).passes == []


def test_a_checkpoint_that_was_being_written_does_not_count(tmp_path):
    with pytest.raises(Interrupted):
        train(tmp_path, ends_at=3)
    assert sorted(path.name for path in tmp_path.glob("*.[cp]*t")) == ["best.ckpt", "last.ckpt"]
    (tmp_path / "last.part").write_bytes(b"half of a che")
    assert train(tmp_path).passes == [3, 4, 5]


def test_an_error_of_the_module_itself_is_told_as_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(tmp_path, examples=torch.zeros(32, 2))


def test_checkpoints_of_another_network_are_refused(tmp_path):
    train(tmp_path, epochs=1)
    with pytest.raises(ModelError, match="name another folder"):
        train(tmp_path, width=8)


@pytest.mark.parametrize("is_shown", [False, True])
def test_a_progress_bar_is_drawn_where_it_is_wanted_alone(tmp_path, capsys, is_shown):
    train(tmp_path, epochs=1, is_shown=is_shown)
    said = capsys.readouterr()
    assert ("4/4" in said.out + said.err) == is_shown
