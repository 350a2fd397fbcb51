"""Row 47, buffers: state that is not trained, but moves, converts, copies and is saved with the module."""

import copy
import io

import pytest

import tensorx as tx

nn = tx.nn


class Whitening(nn.Module):
    """Subtracts a mean that it tracks; `last` is not worth saving."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", tx.zeros(3))
        self.register_buffer("last", tx.zeros(3), persistent=False)
        self.scale = nn.Parameter(tx.ones(3))
        self.count = nn.Buffer(tx.tensor(0))

    def forward(self, x):
        if self.training:
            self.last = x.detach().mean(0)
            self.count += 1
            self.mean = self.mean + (self.last - self.mean) / self.count
        return (x - self.mean) * self.scale


def test_buffers_are_no_parameters():
    module = Whitening()
    assert [name for name, _ in module.named_parameters()] == ["scale"]
    assert [name for name, _ in module.named_buffers()] == ["mean", "last", "count"]
    assert not module.mean.requires_grad


def test_what_is_saved():
    module = Whitening()
    module(tx.ones(4, 3))
    state = module.state_dict()
    assert list(state) == ["scale", "mean", "count"]
    file = io.BytesIO()
    tx.save(state, file)
    file.seek(0)
    again = Whitening()
    again.load_state_dict(tx.load(file))
    assert again.mean.tolist() == [1.0] * 3 and again.count.item() == 1 and again.last.tolist() == [0.0] * 3
    del state["mean"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "mean"'):
        again.load_state_dict(state)


def test_they_move_and_convert_with_the_module(device):
    module = Whitening().to(device).double()
    assert {name: (b.device.type, b.dtype) for name, b in module.named_buffers()} == {
        "mean": (device, tx.float64),
        "last": (device, tx.float64),
        "count": (device, tx.int64),  # only floating-point values convert
    }
    twin = copy.deepcopy(module)
    twin(tx.ones(2, 3, dtype=tx.float64, device=device))
    assert twin.count.item() == 1 and module.count.item() == 0


def test_assigning(device):
    module = Whitening().to(device)
    module.mean = tx.ones(3, device=device)  # a plain tensor takes the buffer's place
    assert "mean" in dict(module.named_buffers())
    with pytest.raises(TypeError, match="cannot assign"):
        module.mean = 3
    module.mean = None
    assert "mean" not in module.state_dict()


def test_running_statistics(device):
    """BatchNorm's: an exponential average of the batches' mean and (unbiased) variance, used in evaluation."""
    norm = nn.BatchNorm1d(2, momentum=0.1, device=device)
    mean, var = tx.zeros(2), tx.ones(2)
    for _ in range(3):
        x = tx.randn(50, 2) * 3 + 1
        norm(x.to(device))
        mean, var = 0.9 * mean + 0.1 * x.mean(0), 0.9 * var + 0.1 * x.var(0)
    assert tx.allclose(norm.running_mean.cpu(), mean, atol=1e-6) and tx.allclose(norm.running_var.cpu(), var, atol=1e-5)
    assert norm.num_batches_tracked.item() == 3
    x = tx.randn(5, 2)
    expected = (x - mean) / (var + norm.eps).sqrt()
    assert tx.allclose(norm.eval()(x.to(device)).detach().cpu(), expected, atol=1e-5)
    assert norm.num_batches_tracked.item() == 3  # evaluation changes nothing
    norm.reset_running_stats()
    assert norm.running_mean.tolist() == [0.0, 0.0] and norm.num_batches_tracked.item() == 0


@pytest.mark.parametrize("layer_class, shape", [
    (nn.BatchNorm1d, (4, 3)), (nn.BatchNorm2d, (4, 3, 2, 2)), (nn.BatchNorm3d, (2, 3, 2, 2, 2)),
    (nn.InstanceNorm1d, (4, 3, 5)), (nn.InstanceNorm2d, (4, 3, 2, 2)), (nn.InstanceNorm3d, (2, 3, 2, 2, 2)),
    (nn.SyncBatchNorm, (4, 3, 2)),
])  # fmt: skip
def test_no_statistics_where_none_are_tracked(layer_class, shape, device):
    with_them = layer_class(3, track_running_stats=True, device=device)
    without = layer_class(3, track_running_stats=False, device=device)
    assert [name for name, _ in with_them.named_buffers()] == ["running_mean", "running_var", "num_batches_tracked"]
    assert not list(without.named_buffers())
    x = tx.randn(shape, device=device)
    assert tx.equal(without(x), without.eval()(x))  # those of the batch in both modes
    with_them(x)
    assert with_them.running_mean.count_nonzero().item() == 3


def test_loss_weights_are_buffers(device):
    loss = nn.CrossEntropyLoss(weight=tx.tensor([1.0, 2.0])).to(device)
    assert loss.weight.device.type == device and list(loss.state_dict()) == ["weight"]
