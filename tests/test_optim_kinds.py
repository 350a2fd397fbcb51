"""Every elementwise optimiser on every kind of parameter: strided, complex, sparse gradients, both devices, differentiable."""

import numpy
import pytest

import tensorx as tx
from optim_cases import NAMES, OPTIMIZERS

OF_EACH = [next(row for row in reversed(OPTIMIZERS) if row[0] == name) for name in NAMES]


def array(x):
    return x.detach().numpy()


def same_bits(a, b):
    assert a.shape == b.shape and a.dtype is b.dtype
    numpy.testing.assert_array_equal(array(a.cpu()), array(b.cpu()))


def trained(name, options, parameters, gradients):
    optimizer = getattr(tx.optim, name)(parameters, **options)
    for step in gradients:
        for parameter, gradient in zip(parameters, step):
            parameter.grad = gradient
        optimizer.step()
    return optimizer


VIEWS = {
    "transposed": lambda t: t.t(),
    "stepped": lambda t: t[:, ::2],
    "row": lambda t: t[1],
    "number": lambda t: t[1, 2],
    "empty": lambda t: t[:, :0],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("name, options", OF_EACH)
def test_layouts(name, options, view, device):
    """The same bits whatever the layouts of parameter and gradient are."""
    base = tx.arange(24, dtype=tx.float64, device=device).reshape(4, 6) / 7 - 1
    for gradient in (view(base), view(base).contiguous()):
        dense = tx.nn.Parameter(view(base.clone()).contiguous())
        strided = tx.nn.Parameter(view(base.clone()))
        for parameter in (dense, strided):
            trained(name, options, [parameter], [[gradient], [-gradient], [gradient * 2]])
        same_bits(dense, strided)


def test_channels_last(device):
    start, gradient = tx.randn(2, 3, 4, 5, device=device), tx.randn(2, 3, 4, 5, device=device)
    results = []
    for memory_format in (tx.contiguous_format, tx.channels_last):
        parameter = tx.nn.Parameter(start.clone().contiguous(memory_format=memory_format))
        trained("Adam", {}, [parameter], [[gradient]] * 2)
        assert parameter.is_contiguous(memory_format=memory_format)
        results.append(parameter)
    same_bits(*results)


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_devices_agree(name, options):
    """One optimiser with parameters on both devices, of several dtypes, gives on each what the other gives."""
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    starts = [(tx.arange(n, dtype=dtype) / 50 - 1).to(dtype) for n in (7, 301) for dtype in (tx.float32, tx.bfloat16)]
    here = [tx.nn.Parameter(start.clone()) for start in starts]
    there = [tx.nn.Parameter(start.to("cuda")) for start in starts]
    mixed = [parameter for pair in zip(here, there) for parameter in pair]
    gradients = [[(parameter.detach() * factor + 0.1) for parameter in mixed] for factor in (1, -2, 0.5)]
    optimizer = trained(name, options, mixed, gradients)
    for a, b in zip(here, there):
        same_bits(a.float(), b.float())
        for state in (optimizer.state[a], optimizer.state[b]):
            assert all(value.device.type == "cpu" for value in state.values() if value.ndim == 0)


@pytest.mark.parametrize("name, options", OF_EACH)
def test_threads_do_not_change_bits(name, options, threads):
    tx.manual_seed(0)
    start, gradient = tx.randn(100_003), tx.randn(100_003)
    results = []
    for count in (1, 2):
        threads(count)
        parameter = tx.nn.Parameter(start.clone())
        trained(name, options, [parameter], [[gradient], [-gradient]])
        results.append(parameter)
    same_bits(*results)


# Sparse gradients ------------------------------------------------------------------------------------------


def test_sparse_gradients_change_only_what_they_store():
    weight = tx.nn.Parameter(tx.ones(1000, 4))
    weight.grad = tx.sparse_coo_tensor([[3]], tx.ones(1, 4), (1000, 4))
    tx.optim.SparseAdam([weight], lr=0.5).step()
    changed = (weight != 1).any(1).nonzero().flatten().tolist()
    assert changed == [3]


def test_sparse_gradient_errors():
    weight = tx.nn.Parameter(tx.eye(2))
    weight.grad = tx.eye(2).to_sparse()
    assert weight.grad.is_sparse
    for name in NAMES:
        if name not in ("SGD", "Adagrad"):
            with pytest.raises(RuntimeError, match=f"{name} does not support sparse gradients"):
                getattr(tx.optim, name)([weight]).step()
    for name in ("SGD", "Adagrad"):
        with pytest.raises(RuntimeError, match="weight_decay option is not compatible with sparse gradients"):
            getattr(tx.optim, name)([weight], weight_decay=0.1).step()
    for wrong in (tx.eye(3).to_sparse(), tx.eye(2, dtype=tx.float64).to_sparse(), "sparse"):
        with pytest.raises(TypeError, match="assigned grad expected to be a Tensor"):
            weight.grad = wrong
    weight.grad = tx.ones(2, 2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        tx.optim.SparseAdam([weight]).step()
    with pytest.raises(ValueError, match="complex"):
        tx.optim.SparseAdam([tx.ones(1, dtype=tx.complex64)])
    with pytest.raises(ValueError, match="Sparse params"):
        tx.optim.SparseAdam([tx.eye(2).to_sparse()])
    for options in ({"lr": 0.0}, {"eps": 0.0}, {"betas": (1.0, 0.5)}):
        with pytest.raises(ValueError, match="Invalid"):
            tx.optim.SparseAdam([weight], **options)


# Differentiable steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("complex_numbers", [False, True])
@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_differentiable_steps_are_the_steps(name, options, complex_numbers):
    """The ops that say what a step does give what the kernel gives, in parameters and in states."""
    generator = numpy.random.default_rng(4)
    dtype = tx.complex128 if complex_numbers else tx.float64
    start = tx.tensor(generator.normal(size=5)).to(dtype)
    gradients = [[tx.tensor(generator.normal(size=5)).to(dtype)] for _ in range(8)]
    fused, recorded = tx.nn.Parameter(start.clone()), start.clone()
    a = trained(name, options, [fused], gradients)
    b = trained(name, {**options, "differentiable": True}, [recorded], gradients)
    numpy.testing.assert_allclose(array(recorded), array(fused), rtol=1e-9)
    assert list(a.state[fused]) == list(b.state[recorded])
    for key, value in a.state[fused].items():
        numpy.testing.assert_allclose(array(b.state[recorded][key]), array(value), rtol=1e-9, err_msg=key)


@pytest.mark.parametrize("name, options", [row for row in OPTIMIZERS if row[0] != "Rprop"])
def test_gradients_through_steps(name, options):
    """Of the parameters after two steps, with respect to those before and to the gradients. A step of Rprop is constant."""

    def two_steps(start, gradient, rate):
        parameter = start.clone()
        chosen = {**options, "differentiable": True, "lr": rate if name != "ASGD" else 0.1}
        trained(name, chosen, [parameter], [[gradient], [gradient * 0.5 + 1]])
        return parameter

    start = tx.tensor([0.5, -1.5, 2.0], dtype=tx.float64, requires_grad=True)
    gradient = tx.tensor([1.0, 0.3, -0.7], dtype=tx.float64, requires_grad=True)
    rate = tx.tensor(0.1, dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradcheck(two_steps, (start, gradient, rate))


def test_differentiable_errors():
    weight = tx.nn.Parameter(tx.ones(1))
    with pytest.raises(ValueError, match="non-leaf"):
        tx.optim.SGD([weight * 2], lr=0.1)
    for name in ("SGD", "Adam", "AdamW", "Adagrad"):
        with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
            getattr(tx.optim, name)([weight], fused=True, differentiable=True)
        with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
            getattr(tx.optim, name)([weight], fused=True, foreach=True)


# States ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", OF_EACH)
def test_states_move_with_their_parameters(name, options, device):
    """Loaded from the CPU; numbers stay there; plain numbers of older files become tensors."""
    weight = tx.nn.Parameter(tx.ones(3))
    saved = trained(name, options, [weight], [[tx.ones(3)]]).state_dict()
    for entries in saved["state"].values():
        for key in ("step", "mu", "eta", "mu_product"):
            if key in entries:
                entries[key] = entries[key].item()
    moved = tx.nn.Parameter(weight.detach().to(device))
    optimizer = getattr(tx.optim, name)([moved], **options)
    optimizer.load_state_dict(saved)
    weight.grad, moved.grad = tx.ones(3), tx.ones(3, device=device)
    fresh = getattr(tx.optim, name)([weight], **options)
    fresh.load_state_dict(saved)
    fresh.step()
    optimizer.step()
    same_bits(moved, weight)
    for value in optimizer.state[moved].values():
        assert value.device.type == (device if value.ndim else "cpu")


def test_scaling_of_tensors_on_other_devices(device):
    scale = tx.tensor(0.5, dtype=tx.float64, device=device)
    tensors = [tx.ones(3, device=device), tx.ones(2, dtype=tx.complex64, device=device)]
    tx._C.scale_all(tensors, scale, None)
    assert tensors[0].tolist() == [0.5] * 3 and tensors[1].tolist() == [0.5 + 0j] * 2
    if device == "cuda":
        with pytest.raises(RuntimeError, match="on the device of the tensors"):
            tx._C.scale_all([*tensors, tx.ones(1)], scale, None)
