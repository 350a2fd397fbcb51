"""copy, deepcopy and pickle of tensors, generators, dtypes and devices."""

import copy
import pickle

import pytest

import tensorx as tx

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def assert_same(a, b):
    assert type(a) is type(b)
    assert (a.dtype, a.shape, a.device, a.requires_grad) == (b.dtype, b.shape, b.device, b.requires_grad)
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", DTYPES)
def test_pickle_every_dtype(name, protocol):
    x = tx.arange(6).reshape(2, 3).to(getattr(tx, name))
    assert_same(pickle.loads(pickle.dumps(x, protocol)), x)


@pytest.mark.parametrize(
    "make",
    [lambda: tx.zeros(0), lambda: tx.zeros(3, 0), lambda: tx.tensor(2.5), lambda: tx.ones(4, requires_grad=True)],
)
def test_pickle_shapes(make):
    assert_same(pickle.loads(pickle.dumps(make())), make())


def test_pickle_views():
    x = tx.arange(24).reshape(2, 3, 4)
    for view in (x[1], x.transpose(0, 2), x[:, ::2, 1:3], x[0, 0, :1].expand(3)):
        assert_same(pickle.loads(pickle.dumps(view)), view)
    assert (
        pickle.loads(pickle.dumps(x.t() if x.ndim == 2 else x.transpose(0, 1))).stride() == x.transpose(0, 1).stride()
    )
    assert len(pickle.dumps(tx.zeros(100_000)[:2])) < 1000  # not the rest of the storage


def test_pickle_is_a_copy():
    x = tx.zeros(3)
    y = pickle.loads(pickle.dumps(x))
    y[0] = 1
    assert x[0].item() == 0


def test_out_of_band_buffers():
    x, buffers = tx.arange(1000), []
    data = pickle.dumps(x, protocol=5, buffer_callback=buffers.append)
    assert len(data) < 500
    assert_same(pickle.loads(data, buffers=buffers), x)


def test_corrupt_pickle_is_refused():
    function, arguments, *_ = tx.ones(3).__reduce_ex__(2)
    cls, data, dtype, shape, strides, requires_grad, _ = arguments
    with pytest.raises(ValueError, match="bytes"):
        function(cls, data[:-1], dtype, shape, strides, requires_grad)
    with pytest.raises(RuntimeError):
        function(cls, data, dtype, (-3,), strides, requires_grad)
    with pytest.raises((RuntimeError, ValueError)):
        function(cls, data, dtype, shape, (2**60,), requires_grad)
    with pytest.raises(ValueError, match="dense"):
        function(cls, data, dtype, shape, (0,), requires_grad)


class Tagged(tx.Tensor):
    pass


def test_subclasses_and_attributes():
    x = tx.ones(2).as_subclass(Tagged)
    x.note = "kept"
    for y in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert_same(y, x)
        assert y.note == "kept"


def test_copy_shares_deepcopy_does_not():
    x = tx.ones(3, requires_grad=True)
    x.grad = tx.full((3,), 2.0)
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    with tx.no_grad():
        x[0] = 5
        x.grad[0] = 7
    assert shallow[0].item() == 5
    assert_same(deep, tx.ones(3, requires_grad=True))
    assert deep.grad.tolist() == [2, 2, 2]


def test_deepcopy_keeps_sharing():
    x = tx.zeros(2, 3)
    copies = copy.deepcopy({"all": x, "row": x[1], "again": x})
    assert copies["all"] is copies["again"]
    copies["row"][0] = 4
    assert copies["all"].tolist() == [[0, 0, 0], [4, 0, 0]]
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert copy.deepcopy(x.t()).stride() == x.t().stride()


def test_deepcopy_of_a_computed_tensor_is_refused():
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(tx.ones(2, requires_grad=True) * 2)


def test_generator():
    g = tx.Generator().manual_seed(3)
    tx.rand(5, generator=g)
    for h in (pickle.loads(pickle.dumps(g)), copy.deepcopy(g), g.clone_state()):
        assert h.initial_seed() == 3
        assert tx.rand(4, generator=h).tolist() == tx.rand(4, generator=g.clone_state()).tolist()


def test_small_objects():
    for x in (tx.float32, tx.bool, tx.device("cpu"), tx.device("cuda:1"), tx.Size([1, 2]), tx.channels_last):
        for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
            assert y == x
            assert type(y) is type(x)
