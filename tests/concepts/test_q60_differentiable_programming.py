"""60. Differentiable programming: a simulation's gradient is right, and finds its parameters. Not a neural net.

The simulation is that of examples/simulation.py: balls with gravity, drag and bounces.
"""

import pytest
from tqdm import tqdm

import tensorx as tx
from tensorx.autograd import gradcheck

pytest.importorskip("matplotlib")  # the example imports it


@pytest.fixture
def simulation(example):
    return example("simulation")


def numbers(values, device):
    return tx.tensor(values, dtype=tx.float64, device=device)


def test_without_drag_and_floor_it_is_the_parabola(simulation, device):
    physics = simulation.constants([9.81, 0.0, 0.7], device)
    track = simulation.simulate(physics, numbers([[2.0, 4.0]], device), 30, step=0.01)
    t = 0.01 * tx.arange(1, 31, dtype=tx.float64, device=device)
    x, y = track[:, 0].unbind(-1)
    assert track.shape == (30, 1, 2)
    assert tx.allclose(x, 2 * t, rtol=1e-12)
    assert tx.allclose(y, simulation.HEIGHT + 4 * t - 9.81 * t.square() / 2, rtol=1e-12)


def test_bounces(simulation, device):
    """Of a ball that is dropped: each top is bounciness^2 times as high as the one before; nothing goes below the floor."""
    physics = simulation.constants([9.81, 0.0, 0.8], device)
    height = simulation.simulate(physics, numbers([[0.0, 0.0]], device), 180, step=0.01)[:, 0, 1].cpu()
    assert height.min().item() >= 0
    tops = (height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])
    expected = simulation.HEIGHT * 0.64 ** tx.arange(1, 3, dtype=tx.float64)
    assert tx.allclose(height[1:-1][tops], expected, rtol=0.03)


@pytest.mark.parametrize("steps", [10, 35], ids=["in the air", "after a bounce"])
def test_gradient_against_finite_differences(simulation, device, steps):
    """With respect to the laws, and to the throw."""
    laws = numbers([9.81, 0.05, 0.8], device).requires_grad_()
    throw = numbers([[1.0, 2.0], [3.0, -1.0]], device).requires_grad_()

    def end(laws, throw):
        return simulation.simulate(simulation.Physics(*laws.unbind()), throw, steps, step=0.04)[-1]

    bounced = simulation.simulate(simulation.Physics(*laws.detach().unbind()), throw.detach(), steps, step=0.04)[..., 1]
    assert (bounced.amin(0) < 0.2).all().item() == (steps == 35)
    assert gradcheck(end, (laws, throw))


def test_the_end_is_continuous_in_the_throw(simulation, device):
    """A bounce that moves from one step to the next changes nothing suddenly."""
    physics = simulation.constants([9.81, 0.02, 0.8], device)
    speeds = tx.linspace(0.0, 1.0, 401, dtype=tx.float64, device=device)
    ends = simulation.simulate(physics, tx.stack([speeds, speeds], -1), 40)[-1]
    assert ends.diff(dim=0).abs().amax().item() < 0.01


def test_laws_are_recovered_from_noisy_tracks(simulation, device):
    tx.manual_seed(0)
    real = simulation.constants([9.81, 0.04, 0.8], device)
    guess = simulation.constants([6.0, 0.0, 0.5], device)
    throws = numbers([[2.0, 0.0], [5.0, -3.0]], device)
    exact = simulation.simulate(real, throws, 50)
    measured = exact + 0.01 * tx.randn(exact.shape, dtype=tx.float64).to(device)
    losses = simulation.identify(measured, throws, guess, 60, tqdm(disable=True))
    assert losses[-1] < 2e-4
    for found, value, tolerance in zip(guess.values(), real.values(), (0.05, 0.003, 0.01)):
        assert abs(found - value) < tolerance


def test_a_throw_is_aimed(simulation, device):
    physics = simulation.constants([9.81, 0.04, 0.8], device)
    velocity = numbers([[2.0, 3.0]], device)
    tracks = simulation.aim(physics, velocity, 40, tqdm(disable=True))
    first, last = (simulation.misses(track).item() for track in (tracks[0], tracks[-1]))
    assert first > 3 and last < 0.15
    assert (tracks[-1][..., 1].diff(dim=0).sign().diff(dim=0) > 0).sum().item() == 1  # one bounce
