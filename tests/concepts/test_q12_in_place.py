"""Row 12: in-place ops with autograd, views of views, version counters, and what the errors say."""

import pytest

import tensorx as tx

NO_PAIR = {"requires_grad_", "detach_", "bernoulli_"}  # not the in-place form of the op of that name, or random


def test_augmented_assignment_keeps_the_tensor(device):
    x = tx.ones(3, device=device)
    same = x
    x += 1
    x *= 3
    x -= 2
    x /= 2
    x **= 2
    assert x is same and x.tolist() == [4, 4, 4]


def test_writing_into_a_view_of_a_view_reaches_base_and_gradient(device):
    x = tx.ones(4, 4, device=device, requires_grad=True)
    y = x * 2
    y[1:3][:, ::2].mul_(10)
    y.view(-1)[5] = 7
    (y * y.detach()).sum().backward()
    expected = tx.full((4, 4), 4.0)
    expected[1:3, ::2] = 20 * 20
    expected[1, 1] = 0
    assert x.grad.tolist() == expected.tolist()


def test_an_older_view_sees_the_history_of_a_later_write(device):
    x = tx.ones(3, device=device, requires_grad=True)
    y = x * 1
    part = y[:2]
    y.mul_(5)
    part.sum().backward()
    assert x.grad.tolist() == [5, 5, 0]


def test_a_saved_tensor_that_was_changed_raises_and_says_how_to_mend_it(device):
    x = tx.ones(3, device=device, requires_grad=True)
    y = x.exp()
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError) as error:
        z.sum().backward()
    text = str(error.value)
    assert "version 1" in text and "version 0" in text and "ExpBackward0" in text and "clone" in text, text


def test_versions_count_writes_through_any_view(device):
    x = tx.zeros(4, device=device)
    before = x._version
    x.add_(1)
    x[1:].mul_(2)
    x.view(2, 2)[0] = 3
    assert x._version == before + 3
    assert x.detach()._version == x._version


def test_a_leaf_that_wants_a_gradient_is_not_written(device):
    x = tx.ones(3, device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0].zero_()
    with tx.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 2, 2] and x.is_leaf


def test_every_in_place_op_gives_what_its_other_form_gives(device):
    names = [name for name in dir(tx.Tensor) if name.endswith("_") and not name.startswith("_")]
    alone = [name for name in names if hasattr(tx.Tensor, name[:-1])]
    tested = 0
    for name in alone:
        x = tx.rand(3, 3, dtype=tx.float64, device=device) * 0.8 + 0.1
        try:
            expected = getattr(x, name[:-1])()
        except (TypeError, RuntimeError, ValueError):
            continue  # takes more arguments, or other types: the op cases have those
        if not isinstance(expected, tx.Tensor) or expected.dtype is not x.dtype or name in NO_PAIR:
            continue
        y = x.clone()
        assert getattr(y, name)() is y, name
        assert y.shape == expected.shape and tx.allclose(y, expected, equal_nan=True), name
        tested += 1
    assert tested >= 40
