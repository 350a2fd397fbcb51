"""55. Double descent: the test error peaks where parameters equal data, and falls again. Belkin et al., arXiv:1812.11118.

The experiment is that of examples/double_descent.py, on few images: random features of real digits, some wrongly labelled.
"""

from functools import cache
from statistics import median

import pytest

import tensorx as tx

pytest.importorskip("matplotlib")  # the example imports it
pytest.importorskip("tqdm")

IMAGES, TESTED, DRAWS = 80, 300, 3
FEATURES = (4, 10, 25, 45, 80, 120, 200, 400, 1000)
PLAIN, RIDGE = 0, 1


@pytest.fixture
def double_descent(example):
    return example("double_descent")


@pytest.fixture
def fits(double_descent, device):
    """fits[features] of every draw: one without a penalty, one with."""
    return experiment(double_descent, device)


@cache
def experiment(double_descent, device):
    tx.manual_seed(0)
    result = {features: [] for features in FEATURES}
    for _ in range(DRAWS):
        data = double_descent.load(IMAGES, 0.1, device)
        data.test = tuple(x[:TESTED] for x in data.test)
        for features in FEATURES:
            result[features].append(double_descent.fit(data, features, [0.0, 0.1]))
    return result


def curve(fits, penalty, name):
    """Medians over the draws, by the number of features."""
    return {features: median(getattr(draw[penalty], name) for draw in fits[features]) for features in FEATURES}


def test_the_curve(fits):
    error = curve(fits, PLAIN, "test_error")
    assert max(error, key=error.get) == IMAGES
    valley = min(error[features] for features in FEATURES if features < IMAGES)
    assert error[4] > valley  # the first descent,
    assert error[IMAGES] > 10 * valley  # the peak,
    after = [error[features] for features in FEATURES if features >= IMAGES]
    assert after == sorted(after, reverse=True)  # and the second descent,
    assert error[FEATURES[-1]] < valley  # which ends lower


def test_why(fits):
    """From the peak on the fit is exact; just there it takes huge weights."""
    training, norm = curve(fits, PLAIN, "training_error"), curve(fits, PLAIN, "norm")
    assert all(training[features] < 1e-12 for features in FEATURES if features >= IMAGES)
    assert all(training[features] > 1e-3 for features in FEATURES if features < IMAGES)
    assert max(norm, key=norm.get) == IMAGES
    assert norm[IMAGES] > 3 * norm[FEATURES[-1]]


def test_a_penalty_removes_the_peak(fits):
    error = curve(fits, RIDGE, "test_error")
    assert error[IMAGES] < 1.1 * min(error[features] for features in FEATURES if features < IMAGES)


def test_the_fit_is_the_least_squares_solution(double_descent, device):
    """The formula's weights against those of lstsq, for fewer and (of least norm) for more features than images."""
    for features in (10, 100):
        tx.manual_seed(1)
        data = double_descent.load(IMAGES, 0.1, device)
        tx.manual_seed(2)
        found = double_descent.fit(data, features, [0.0])[0]
        tx.manual_seed(2)
        waves = double_descent.FREQUENCY * tx.randn(64, features, dtype=tx.float64).to(device)
        z = (data.train[0] @ waves + 2 * tx.pi * tx.rand(features, dtype=tx.float64).to(device)).cos()
        z = z * (2 / features) ** 0.5
        w = tx.linalg.pinv(z) @ data.train[1]
        assert abs(w.norm().item() - found.norm) < 1e-8 * found.norm
        assert abs((z @ w - data.train[1]).square().mean().item() - found.training_error) < 1e-12
