"""Row 37, bias broadcast: a linear layer adds its bias as it writes the product, with no tensor between."""

import numpy as np
import pytest
from memory_use import peak

import tensorx as tx

F = tx.nn.functional


@pytest.mark.parametrize("lead", [(), (7,), (2, 3, 4)], ids=str)
def test_values_and_gradients(lead, device):
    x, weight, bias = (tx.randn(*shape, dtype=tx.float64, device=device) for shape in ((*lead, 5), (3, 5), (3,)))
    out = F.linear(x, weight, bias)
    wanted = x.cpu().numpy() @ weight.cpu().numpy().T + bias.cpu().numpy()
    np.testing.assert_allclose(out.cpu().numpy(), wanted, 1e-12, 1e-12)
    assert tx.autograd.gradcheck(F.linear, tuple(t.requires_grad_() for t in (x, weight, bias)))


def test_a_bias_of_another_size_is_refused(device):
    with pytest.raises(RuntimeError, match="linear"):
        F.linear(tx.zeros(2, 5, device=device), tx.zeros(3, 5, device=device), tx.zeros(4, device=device))


def test_no_second_result(device):
    x, weight, bias = (tx.randn(*shape, device=device) for shape in ((600, 64), (600, 64), (600,)))
    F.linear(x, weight, bias)
    without = peak(device, lambda: F.linear(x, weight))
    assert peak(device, lambda: F.linear(x, weight, bias)) <= without + 600 * 600  # a quarter of one more result
