"""In-place changes of shape, resizing, names of in-place forms, copies by region, and shapes that broadcast."""

import pytest

import tensorx as tx
from cases import CASES
from support import LAYOUTS, Device, bits, materialize, to_library, to_tx
from tensorx.autograd import gradcheck

VIEWS = [c for c in CASES.values() if c.view and "." not in c.name and hasattr(tx.Tensor, c.method + "_")]


def arange(n, **options):
    return tx.arange(float(n), device=Device.name, **options)


# ---- x.view_(...) is the view, in x itself


def test_views_with_an_in_place_form():
    assert {c.name for c in VIEWS} >= {"squeeze", "unsqueeze", "transpose", "t", "as_strided"}
    for name in ("swapaxes_", "swapdims_"):
        assert getattr(tx.Tensor, name) is tx.Tensor.transpose_


@pytest.mark.parametrize("case", VIEWS, ids=repr)
def test_in_place_form_of_a_view(case):
    for made in case.calls:
        args, kwargs = to_library(materialize(made, "float32", case.name), to_tx, tx)
        for layout in (lambda x: x, *LAYOUTS.values()):
            if case.name == "as_strided" and layout in LAYOUTS.values():
                continue  # reaches what lies between the elements
            x = layout(args[0].clone())
            wanted = getattr(x, case.method)(*args[1:], **kwargs)
            assert getattr(x, case.method + "_")(*args[1:], **kwargs) is x
            assert bits(x) == bits(wanted) and x.stride() == wanted.stride() and x._shares_storage(wanted)


def test_gradients_go_through():
    x = arange(6, requires_grad=True)
    y = x * 2
    flat = y[1:]
    y.unsqueeze_(0)
    flat.mul_(3)  # written through a view that was made before
    assert y.shape == (1, 6) and flat.shape == (5,)
    (y * arange(6)).sum().backward()
    assert x.grad.tolist() == [0.0, 6.0, 12.0, 18.0, 24.0, 30.0]


def test_a_view_stays_one_of_its_base():
    x = arange(6, requires_grad=True)
    y = x * 2
    v = y[1:5]
    v.unsqueeze_(1).transpose_(0, 1)
    v.mul_(tx.tensor([[1.0, 2.0, 3.0, 4.0]], device=Device.name))
    (y * y).sum().backward()
    assert v.shape == (1, 4)
    assert x.grad.tolist() == [0.0, 8.0, 64.0, 216.0, 512.0, 40.0]


def test_saved_results_keep_their_shape():
    x = arange(4, requires_grad=True)
    y = x.exp()
    y.unsqueeze_(0)
    (y * 2).sum().backward()
    assert x.grad.shape == (4,) and x.grad.tolist() == (2 * x.detach().exp()).tolist()


def test_history_follows_the_shape_without_grad_mode():
    x = arange(4, requires_grad=True)
    y = x * 2
    with tx.no_grad():
        y.unsqueeze_(0)
        x.unsqueeze_(1)  # a leaf may change where nothing is recorded
    assert x.is_leaf and x.shape == (4, 1) and y.grad_fn is not None
    x = arange(4, requires_grad=True)
    y = x * 2
    with tx.no_grad():
        y.unsqueeze_(0)
    y.sum().backward()
    assert x.grad.tolist() == [2.0] * 4


def test_gradcheck_of_in_place_shapes():
    x = tx.rand(2, 3, dtype=tx.float64, device=Device.name, requires_grad=True)
    assert gradcheck(lambda x: (x * 2).t_().unsqueeze_(0).transpose_(0, 2).squeeze_(-1).sin(), (x,))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.unsqueeze_(0), RuntimeError, "leaf Variable that requires grad"),
        (lambda x: x.view(2, 2).t_(), RuntimeError, "view of a leaf Variable"),
        (lambda x: x.resize_(2), RuntimeError, "cannot resize variables that require grad"),
        (lambda x: x.detach().unsqueeze_(3), IndexError, "out of range"),
        (lambda x: tx.ones(2, 2, 2).t_(), RuntimeError, "<= 2 dimensions"),
        (lambda x: x.detach().as_strided_((9,), (1,)), RuntimeError, "outside the storage"),
        (lambda x: x.detach().resize_(-1), RuntimeError, "must not be negative"),
    ],
)
def test_refusals(change, error, message):
    with pytest.raises(error, match=message):
        change(arange(4, requires_grad=True))


# ---- resize_


def test_resize():
    x = tx.arange(6, device=Device.name)
    pointer = x.data_ptr()
    assert x.resize_(2, 2) is x and x.tolist() == [[0, 1], [2, 3]] and x.data_ptr() == pointer
    assert x.resize_((6,)).tolist() == [0, 1, 2, 3, 4, 5]  # memory is kept
    x.resize_(2, 4)
    assert x.shape == (2, 4) and x.view(-1)[:6].tolist() == [0, 1, 2, 3, 4, 5]
    part = tx.arange(6, device=Device.name)[2:]
    assert part.resize_(2).tolist() == [2, 3] and part.storage_offset() == 2
    assert part.resize_(5)[:4].tolist() == [2, 3, 4, 5]
    assert tx.zeros(3).resize_(0).shape == (0,) and tx.zeros(0).resize_(2, 3).shape == (2, 3)
    assert tx.zeros(2).t().resize_as_(tx.zeros(1, 2)).shape == (1, 2)
    y = tx.zeros(2, 3, 4, 5).resize_(1, 3, 4, 5, memory_format=tx.channels_last)
    assert y.stride()[1] == 1


# ---- names


@pytest.mark.parametrize("name", tx.ops.in_place.__all__)
def test_in_place_names_are_functions_and_methods(name):
    assert getattr(tx, name) is not None and getattr(tx.Tensor, name) is not None


def test_aliases_in_place():
    x = tx.tensor([-1.5, 2.0], device=Device.name)
    assert x.absolute_() is x and x.multiply_(2).tolist() == [3.0, 4.0]
    assert x.subtract_(1).divide_(2).negative_().tolist() == [-1.0, -1.5]
    assert tx.fill_(x, 3).tolist() == [3.0, 3.0] and tx.zero_(x).tolist() == [0.0, 0.0]


def test_addmv_in_place():
    x, m, v = tx.ones(2), tx.tensor([[1.0, 2.0], [3.0, 4.0]]), tx.ones(2)
    assert x.addmv_(m, v, beta=0.5, alpha=2) is x and x.tolist() == [6.5, 14.5]
    with pytest.raises(RuntimeError, match="written to"):
        tx.ones(1).addmv_(m, v)


@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_addmm_in_place_and_out_of_its_input(beta):
    """The result is written over the input that it is computed from."""
    a, b, c = (tx.rand(3, 3, device=Device.name) for _ in range(3))
    wanted = tx.addmm(c, a, b, beta=beta, alpha=2).tolist()
    assert c.clone().addmm_(a, b, beta=beta, alpha=2).tolist() == wanted
    assert tx.addmm(c, a, b, beta=beta, alpha=2, out=c).tolist() == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: tx.ones(2, dtype=tx.int64).deg2rad_(), "can't be cast"),
        (lambda: tx.ones(1, dtype=tx.int64).gcd_(tx.ones(3, dtype=tx.int64)), "broadcast shape"),
        (lambda: tx.ones(2).float_power_(2), "requires dtype"),
    ],
)
def test_in_place_results_must_fit(change, message):
    with pytest.raises(RuntimeError, match=message):
        change()


# ---- regions and shapes


def test_as_strided_scatter():
    x, src = arange(12).view(3, 4), -arange(4).view(2, 2)
    made = tx.as_strided_scatter(x, src, (2, 2), (5, 1), 1)
    assert made.tolist() == [[0, 0, -1, 3], [4, 5, -2, -3], [8, 9, 10, 11]] and x[0, 1] == 1
    made = tx.as_strided_scatter(x.t(), src, (2, 2), (4, 1))  # by memory, not by index
    assert made.t().tolist() == [[0, -1, 2, 3], [-2, -3, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(RuntimeError, match="src size"):
        tx.as_strided_scatter(x, src, (3,), (1,))
    with pytest.raises(RuntimeError, match="outside the storage"):
        tx.as_strided_scatter(x, src, (2, 2), (40, 1))
    x = tx.rand(3, 4, dtype=tx.float64, device=Device.name, requires_grad=True)
    src = tx.rand(2, 2, dtype=tx.float64, device=Device.name, requires_grad=True)
    assert gradcheck(lambda x, s: x.as_strided_scatter(s, (2, 2), (5, 1), 1).sin(), (x, src))


@pytest.mark.parametrize(
    ("shapes", "wanted"),
    [((), ()), (((2, 1), (3,)), (2, 3)), (((0, 1), (1, 5), 5), (0, 5)), (((), (4,)), (4,)), ((3, (2, 1)), (2, 3))],
)
def test_broadcast_shapes(shapes, wanted):
    assert tx.broadcast_shapes(*shapes) == wanted and isinstance(tx.broadcast_shapes(*shapes), tx.Size)


def test_broadcast_shapes_that_do_not():
    for shapes in (((2,), (3,)), ((2, 3), (2, 4))):
        with pytest.raises(RuntimeError, match="cannot be broadcast"):
            tx.broadcast_shapes(*shapes)
    with pytest.raises(RuntimeError, match="negative"):
        tx.broadcast_shapes((-1,))


def test_broadcast_to_takes_sizes_either_way():
    x = tx.ones(3)
    assert x.broadcast_to(2, 3).shape == x.broadcast_to((2, 3)).shape == (2, 3)
