"""Row 9: integers have no gradient."""

import pytest

import tensorx as tx

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
