"""Row 2: rank 0 to 8 and beyond, scalars of shape (), and errors that name the layer, the expected and the given shape."""

import pytest

import tensorx as tx
from tensorx import nn


@pytest.mark.parametrize("rank", range(9))
def test_every_rank(device, rank):
    shape = (2,) * rank
    x = tx.arange(float(2**rank), device=device).view(shape)
    assert x.dim() == x.ndim == rank and x.shape == shape and x.numel() == 2**rank
    y = (x.requires_grad_() * 2).sum()
    y.backward()
    assert y.shape == () and x.grad.shape == shape and x.grad.min().item() == 2
    assert x.detach().permute(tuple(reversed(range(rank)))).contiguous().sum().item() == x.sum().item()


def test_a_number_has_the_shape_of_nothing(device):
    x = tx.tensor(3.5, device=device)
    assert x.shape == () and x.dim() == 0 and x.numel() == 1 and x.item() == 3.5
    assert x.unsqueeze(0).shape == (1,) and x.view(1, 1).squeeze().shape == ()
    with pytest.raises(TypeError, match="0-d"):
        len(x)
    with pytest.raises(IndexError, match="dimension 0"):
        x[0]


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (nn.Linear(4, 2), (3, 5), ["Linear", "4", "[3, 5]"]),
        (nn.Conv2d(3, 8, 3), (8, 8), ["Conv2d", "3D", "4D", "[8, 8]"]),
        (nn.Conv2d(3, 8, 3), (1, 4, 8, 8), ["Conv2d", "3 channels", "[1, 4, 8, 8]"]),
        (nn.Conv1d(3, 8, 3), (1, 3, 8, 8), ["Conv1d", "2D", "3D", "[1, 3, 8, 8]"]),
        (nn.BatchNorm2d(3), (2, 3), ["BatchNorm2d", "4D", "(2, 3)"]),
        (nn.BatchNorm1d(3), (2, 3, 4, 5), ["BatchNorm1d", "2D or 3D", "(2, 3, 4, 5)"]),
        (nn.LayerNorm(5), (2, 4), ["LayerNorm", "[5]", "[2, 4]"]),
        (nn.MaxPool2d(2), (4,), ["MaxPool2d", "3D", "4D", "[4]"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_layer_says_what_it_expected_and_what_it_got(device, layer, shape, said):
    with pytest.raises((RuntimeError, ValueError)) as error:
        layer.to(device)(tx.zeros(shape, device=device))
    text = "\n".join([str(error.value), *error.value.__notes__])  # the layer is in a note of the exception
    missing = [part for part in said if part not in text]
    assert not missing, f"{text} does not say {missing}"
