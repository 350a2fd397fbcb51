"""The elementwise optimisers against PyTorch: complex parameters, special values, tensor rates, groups, sparse gradients."""

import numpy
import pytest

import tensorx as tx
from nn_parity import array, assert_close, to_tx, torch
from optim_cases import NAMES, OPTIMIZERS

OF_EACH = [next(row for row in reversed(OPTIMIZERS) if row[0] == name) for name in NAMES]


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_complex_parameters(name, options, device):
    generator = numpy.random.default_rng(5)

    def draw():
        return generator.normal(size=(3, 2)) + 1j * generator.normal(size=(3, 2))

    reference = torch.tensor(draw(), requires_grad=True)
    mine = tx.tensor(array(reference).copy(), device=device).requires_grad_()
    theirs, ours = getattr(torch.optim, name)([reference], **options), getattr(tx.optim, name)([mine], **options)
    for _ in range(5):
        reference.grad = torch.tensor(draw())
        mine.grad = to_tx(reference.grad).to(device)
        theirs.step()
        ours.step()
    assert_close(mine.cpu(), reference, 1e-7)
    for key, value in ours.state[mine].items():
        assert value.dtype is (tx.complex128 if value.ndim else tx.float32), key


SPECIAL = [0.0, -0.0, 1e-310, 1e150, numpy.inf, -numpy.inf, numpy.nan]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_special_values(name, options, device):
    """What becomes infinite or NaN, and when, is as in PyTorch."""
    reference = torch.ones(len(SPECIAL), dtype=torch.float64, requires_grad=True)
    mine = tx.ones(len(SPECIAL), dtype=tx.float64, device=device).requires_grad_()
    theirs, ours = getattr(torch.optim, name)([reference], **options), getattr(tx.optim, name)([mine], **options)
    for sign in (1, 1, -1):
        reference.grad = torch.tensor(SPECIAL, dtype=torch.float64) * sign
        mine.grad = to_tx(reference.grad).to(device)
        theirs.step()
        ours.step()
    numpy.testing.assert_allclose(array(mine.cpu()), array(reference), rtol=1e-6)


# Rates that are tensors, groups --------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", OF_EACH)
def test_tensor_rates_and_groups(name, options):
    def run(library, rate):
        parameters = [library.ones(3, dtype=library.float64, requires_grad=True) for _ in range(3)]
        optimizer = getattr(library.optim, name)(
            [{"params": parameters[:1]}, {"params": parameters[1:2], "lr": rate(0.5)}], **{**options, "lr": rate(0.25)}
        )
        for parameter in parameters:
            parameter.grad = library.ones(3, dtype=library.float64)
        optimizer.step()
        optimizer.add_param_group({"params": parameters[2:], "lr": 1.0})
        optimizer.step()
        return numpy.stack([array(parameter) for parameter in parameters])

    expected = run(torch, float)
    for rate in (float, lambda value: tx.tensor(value)):
        numpy.testing.assert_allclose(run(tx, rate), expected, rtol=1e-7)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        getattr(tx.optim, name)([tx.ones(1)], lr=tx.ones(2))


# Sparse gradients ------------------------------------------------------------------------------------------


def sparse_pair(generator, shape, sparse_dim):
    count = 4
    at = numpy.stack([generator.integers(0, n, count) for n in shape[:sparse_dim]])  # some twice
    values = generator.normal(size=(count, *shape[sparse_dim:]))
    return torch.sparse_coo_tensor(torch.tensor(at), torch.tensor(values), shape), (at, values, shape)


SPARSE = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("Adagrad", {"lr": 0.1, "maximize": True}),
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "maximize": True}),
]


@pytest.mark.parametrize("shape, sparse_dim", [((6, 3), 1), ((4, 3), 2), ((5,), 1)])
@pytest.mark.parametrize("name, options", SPARSE)
def test_sparse_gradients(name, options, shape, sparse_dim, device):
    generator = numpy.random.default_rng(2)
    reference = torch.tensor(generator.normal(size=shape), requires_grad=True)
    mine = to_tx(reference).detach().to(device).requires_grad_()
    theirs, ours = getattr(torch.optim, name)([reference], **options), getattr(tx.optim, name)([mine], **options)
    for _ in range(6):
        reference.grad, (at, values, _) = sparse_pair(generator, shape, sparse_dim)
        mine.grad = tx.sparse_coo_tensor(tx.tensor(at), tx.tensor(values), shape).to(device)
        ours.step()
        theirs.step()
        assert_close(mine.cpu(), reference, 1e-9)
