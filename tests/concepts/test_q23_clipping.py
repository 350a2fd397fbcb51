"""Row 23: clipping gradients by norm and by value."""

import math

import pytest

import tensorx as tx
from tensorx.nn.utils import clip_grad_norm_, clip_grad_value_


@pytest.fixture
def parameters(device):
    tx.manual_seed(0)
    shapes = [(3, 4), (5,), (), (2, 3, 2)]
    made = [tx.nn.Parameter(tx.zeros(shape, device=device)) for shape in shapes]
    for parameter in made:
        parameter.grad = tx.randn(parameter.shape, device=device) * 3
    made.append(tx.nn.Parameter(tx.zeros(2, device=device)))  # without a gradient
    return made


def norm_of(parameters, p):
    values = [abs(v) for q in parameters if q.grad is not None for v in q.grad.flatten().tolist()]
    return max(values) if p == math.inf else sum(v**p for v in values) ** (1 / p)


@pytest.mark.parametrize("p", [1, 2, 3.5, math.inf])
def test_the_norm_is_that_of_all_gradients_together(parameters, p):
    before = norm_of(parameters, p)
    directions = [q.grad / q.grad.norm() for q in parameters[:-1]]
    total = clip_grad_norm_(parameters, before / 4, norm_type=p)
    assert math.isclose(total.item(), before, rel_tol=1e-5)
    assert math.isclose(norm_of(parameters, p), before / 4, rel_tol=1e-4)
    for parameter, direction in zip(parameters, directions):
        assert tx.allclose(parameter.grad / parameter.grad.norm(), direction, atol=1e-6)


def test_small_gradients_stay_as_they_are(parameters):
    before = [q.grad.clone() for q in parameters[:-1]]
    clip_grad_norm_(parameters, 1e6)
    assert all(tx.equal(q.grad, old) for q, old in zip(parameters, before))


def test_infinite_gradients(parameters):
    parameters[0].grad[0, 0] = math.inf
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert clip_grad_norm_(parameters, 1.0).item() == math.inf


def test_by_value(parameters):
    before = [q.grad.clone() for q in parameters[:-1]]
    clip_grad_value_(parameters, 0.5)
    for parameter, old in zip(parameters, before):
        assert tx.equal(parameter.grad, old.clamp(-0.5, 0.5))


def test_gradients_of_any_layout_and_type(device):
    for dtype in (tx.float64, tx.float32, tx.float16, tx.bfloat16):
        weight = tx.nn.Parameter(tx.zeros(4, 3, dtype=dtype, device=device))
        weight.grad = tx.ones(3, 4, dtype=dtype, device=device).t()
        total = clip_grad_norm_([weight], 1.0)
        assert math.isclose(total.item(), math.sqrt(12), rel_tol=1e-2)
        assert math.isclose(weight.grad.double().norm().item(), 1, rel_tol=1e-2) and weight.grad.stride() == (1, 4)


def test_one_pass_scales_all_and_finds_what_is_not_finite(device):
    tensors = [tx.full((n,), 4.0, device=device) for n in (1, 100_000, 0, 7)]
    scale = tx.tensor(0.25, dtype=tx.float64, device=device)
    found = tx.zeros(1, device=device)
    tx._C.scale_all(tensors, scale, found)
    assert found.item() == 0 and all((x == 1).all() for x in tensors)
    for bad in (math.inf, -math.inf, math.nan):
        tensors[1][54_321] = bad
        found.zero_()
        tx._C.scale_all(tensors, scale, found)
        assert found.item() == 1
    with pytest.raises(RuntimeError, match=r"scale_all.*float64"):
        tx._C.scale_all(tensors, scale.float(), found)
