"""Row 8: broadcasting in every binary and ternary op, views of stride 0, and gradients summed back."""

import pytest

import tensorx as tx

SHAPES = [((3, 1), (1, 4)), ((4,), (3, 4)), ((), (2, 3)), ((2, 1, 4), (3, 1)), ((0, 3), (1, 3)), ((1,), (1, 1, 1))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize(
    "op", [tx.add, tx.mul, tx.div, tx.maximum, tx.atan2, tx.pow, tx.hypot], ids=lambda op: op.__name__
)
def test_gradients_sum_over_what_was_broadcast(device, op, shapes):
    a, b = (tx.rand(shape, dtype=tx.float64, device=device) + 0.5 for shape in shapes)
    a.requires_grad_(), b.requires_grad_()
    out = op(a, b)
    shape = tx.broadcast_shapes(*shapes)
    assert out.shape == shape
    full = [x.detach().expand(shape).clone().requires_grad_() for x in (a, b)]
    op(*full).sum().backward()
    out.sum().backward()
    for narrow, wide in zip((a, b), full):
        assert narrow.grad.shape == narrow.shape
        assert tx.allclose(narrow.grad, wide.grad.sum_to_size(narrow.shape))


def test_ternary_ops(device):
    a, b, c = tx.zeros(3, 1, device=device), tx.ones(1, 4, device=device), tx.ones(2, 1, 1, device=device)
    assert tx.addcmul(a, b, c).shape == (2, 3, 4)
    assert tx.where(a > 0, b, c).shape == (2, 3, 4)
    assert tx.lerp(a, b, c).shape == (2, 3, 4)
    assert tx.clamp(a, b, c).shape == (2, 3, 4)


def test_expand_takes_no_memory(device):
    x = tx.ones(3, 1, device=device)
    wide = x.expand(3, 1_000_000)
    assert wide.stride() == (1, 0) and wide.data_ptr() == x.data_ptr()
    assert x.broadcast_to(5, 3, 2).stride() == (0, 1, 0)
    assert x.expand(-1, 4).shape == (3, 4)
    with pytest.raises(RuntimeError, match="expand"):
        x.expand(4, 1)


def test_a_view_of_stride_0_is_not_written_through(device):
    x = tx.zeros(1, device=device).expand(3)
    with pytest.raises(RuntimeError, match=r"expand|overlap|same memory"):
        x.add_(1)


def test_shapes_that_do_not_fit_are_named(device):
    with pytest.raises(RuntimeError) as error:
        tx.zeros(3, 4, device=device) + tx.zeros(5, 4, device=device)
    assert "[3, 4]" in str(error.value) and "[5, 4]" in str(error.value)
    with pytest.raises(RuntimeError):
        tx.broadcast_shapes((2, 3), (4, 3))
    with pytest.raises(RuntimeError):
        tx.zeros(3, device=device).add_(tx.zeros(2, 3, device=device))  # in place the output cannot grow
