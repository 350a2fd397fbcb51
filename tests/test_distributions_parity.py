"""Distributions against torch.distributions: densities, moments, gradients, shapes of samples, kinds of errors."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import numpy as np  # noqa: E402

import tensorx as tx  # noqa: E402
from distribution_cases import NAMED  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
CASES = [case for case in NAMED if hasattr(tx, "linalg") or "Multivariate" not in case.name]
by_case = pytest.mark.parametrize("case", CASES, ids=repr)
PROPERTIES = (
    "mean",
    "mode",
    "variance",
    "stddev",
    "batch_shape",
    "event_shape",
    "has_rsample",
    "has_enumerate_support",
)


def ask(question):
    """(answer, None), or (None, the type of the error)."""
    try:
        return question(), None
    except Exception as error:
        return None, type(error)


def array(value):
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, np.float64)


def assert_alike(ours, theirs, message):
    np.testing.assert_allclose(array(ours), array(theirs), rtol=1e-8, atol=1e-10, err_msg=message)


@by_case
def test_properties(case):
    (ours, _), (theirs, _) = case.make(tx), case.make(torch)
    for name in PROPERTIES:
        if name in case.unlike:
            continue
        (mine, error), (wanted, refused) = ask(lambda: getattr(ours, name)), ask(lambda: getattr(theirs, name))
        assert error == refused, name
        if refused is None:
            assert_alike(mine, wanted, name)


QUESTIONS = {
    "log_prob": lambda made, library, case: made.log_prob(library.tensor(case.values, dtype=library.float64)),
    "cdf": lambda made, library, case: made.cdf(library.tensor(case.values, dtype=library.float64)),
    "icdf": lambda made, library, case: made.icdf(library.tensor([0.2, 0.5, 0.9], dtype=library.float64)),
    "entropy": lambda made, library, case: made.entropy(),
    "enumerate_support": lambda made, library, case: made.enumerate_support(False),
}


@by_case
@pytest.mark.parametrize("name", QUESTIONS)
def test_values_and_gradients(case, name):
    (ours, inputs), (theirs, their_inputs) = case.make(tx, True), case.make(torch, True)
    mine, error = ask(lambda: QUESTIONS[name](ours, tx, case))
    wanted, refused = ask(lambda: QUESTIONS[name](theirs, torch, case))
    assert error == refused
    if refused is not None or (name in case.unlike and case.unlike[name].startswith("PyTorch")):
        return
    assert_alike(mine, wanted, name)
    if name in case.unlike:
        return
    assert mine.requires_grad == wanted.requires_grad
    if wanted.requires_grad:
        found = tx.autograd.grad(mine.sum(), inputs, allow_unused=True)
        expected = torch.autograd.grad(wanted.sum(), their_inputs, allow_unused=True)
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert_alike(a, b, f"gradient of {name}")


@by_case
def test_shapes_of_samples(case):
    (ours, _), (theirs, _) = case.make(tx, True), case.make(torch, True)
    for shape in ((), (5,), (2, 3), (0,)):
        wanted, refused = ask(lambda: theirs.sample(shape))
        if refused is not None:  # PyTorch draws no empty sample of categories
            continue
        mine = ours.sample(shape)
        assert tuple(mine.shape) == tuple(wanted.shape)
        assert str(mine.dtype).split(".")[1] == str(wanted.dtype).split(".")[1]
        assert not mine.requires_grad
        if ours.has_rsample:
            mine = ours.rsample(shape)
            assert tuple(mine.shape) == tuple(wanted.shape) and mine.requires_grad


@pytest.mark.parametrize("name", ["Gamma", "Beta", "Dirichlet"])
def test_gradients_of_gamma_samples(name):
    """At the same samples: PyTorch's own approximation is good to 1e-3 or so."""
    if name == "Gamma":
        a = np.random.default_rng(0).uniform(0.1, 20, 200)
        x = np.random.default_rng(1).gamma(a)
        from tensorx.ops.special import standard_gamma_grad

        found = standard_gamma_grad(tx.from_numpy(a), tx.from_numpy(x)).numpy()
        expected = torch._standard_gamma_grad(torch.from_numpy(a), torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, expected, rtol=2e-3)
    else:
        case = next(case for case in NAMED if case.name == name)
        made, parameters = case.make(tx, True)
        assert all(g is not None for g in tx.autograd.grad(made.rsample().sum(), parameters))


def test_names():
    ours, theirs = set(tx.distributions.__all__), set(torch.distributions.__all__)
    missing = {"ContinuousBernoulli", "GeneralizedPareto", "LKJCholesky", "LogisticNormal", "Wishart"}
    missing |= {"CatTransform", "CorrCholeskyTransform", "StackTransform"}
    assert theirs - ours == missing & theirs
    their_constraints = set(torch.distributions.constraints.__all__)
    assert their_constraints - set(tx.distributions.constraints.__all__) <= {
        "cat",
        "corr_cholesky",
        "stack",
        "MixtureSameFamilyConstraint",
    }
