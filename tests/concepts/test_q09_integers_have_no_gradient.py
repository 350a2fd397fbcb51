"""9. Integers have no gradient; Gumbel-softmax makes discrete choices that have one. Jang et al. 2017, arXiv:1611.01144."""

import pytest

import tensorx as tx
from tensorx.nn import functional as F

INTEGRAL = [tx.bool, tx.uint8, tx.int8, tx.int16, tx.int32, tx.int64, tx.uint16, tx.uint32, tx.uint64]
DIFFERENTIABLE = [tx.float16, tx.bfloat16, tx.float32, tx.float64, tx.complex64, tx.complex128]


@pytest.mark.parametrize("dtype", INTEGRAL, ids=str)
def test_integers_cannot_require_a_gradient(dtype, device):
    for wrong in (
        lambda: tx.ones(2, dtype=dtype, device=device, requires_grad=True),
        lambda: tx.ones(2, dtype=dtype, device=device).requires_grad_(),
    ):
        with pytest.raises(RuntimeError, match="floating point and complex"):
            wrong()


@pytest.mark.parametrize("dtype", DIFFERENTIABLE, ids=str)
def test_floats_and_complex_numbers_can(dtype, device):
    x = tx.ones(2, dtype=dtype, device=device, requires_grad=True)
    (x * x).abs().sum().backward()
    assert x.grad.dtype is dtype and x.grad.tolist() == [2, 2]


def test_no_gradient_flows_through_an_integer(device):
    x = tx.tensor([1.7, 2.2], device=device, requires_grad=True)
    assert not x.to(tx.int64).requires_grad and not (x > 2).requires_grad and not x.argmax().requires_grad


def test_gumbel_softmax_is_one_hot_and_has_a_gradient(device):
    tx.manual_seed(0)
    logits = tx.tensor([[1.0, 2.0, 0.5], [0.1, 0.2, 3.0]], device=device, requires_grad=True)
    hard = F.gumbel_softmax(logits, tau=0.7, hard=True)
    rows = hard.detach().cpu()
    assert rows.sum(1).tolist() == [1.0, 1.0] and set(rows.flatten().tolist()) <= {0.0, 1.0}
    (hard * tx.tensor([1.0, 2.0, 3.0], device=device)).sum().backward()
    assert logits.grad.isfinite().all() and logits.grad.abs().sum().item() > 0


def test_gumbel_softmax_hard_has_the_gradient_of_soft(device):
    logits = tx.randn(4, 5, dtype=tx.float64, device=device).requires_grad_()
    weight = tx.randn(4, 5, dtype=tx.float64, device=device)
    found = []
    for hard in (False, True):
        tx.manual_seed(3)
        found.append(tx.autograd.grad((F.gumbel_softmax(logits, hard=hard) * weight).sum(), logits)[0])
    tx.manual_seed(3)
    assert tx.allclose(*found, rtol=1e-12)


def test_gumbel_softmax_draws_with_the_softmax_probabilities(device):
    tx.manual_seed(1)
    logits = tx.tensor([0.0, 1.0, 2.0], device=device)
    count = 20_000
    share = F.gumbel_softmax(logits.expand(count, 3), hard=True).mean(0).cpu()
    expected = logits.softmax(0).cpu()
    assert (share - expected).abs().max().item() < 5 * (0.25 / count) ** 0.5
