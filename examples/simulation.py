"""Differentiable physics: find out the laws of a bouncing ball from noisy pictures of it, then aim it, all by gradient.

    python examples/simulation.py

No neural network: a program of 40 lines that moves a ball by small steps in time, with gravity, the drag of the air, and
bounces. Because each step is made of tensor operations, the gradient of anything that comes out is there with respect to
anything that went in. First for a question of the past: which gravity, drag and bounciness explain three tracks that were
measured with noise? Then for one of the future: how to throw a ball so that it bounces once and then comes to a hoop?
Prints what was found, writes out/simulation.png.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
from pictures import save

STEP = 0.02  # seconds
HEIGHT = 1.5  # of the hand, metres
HOOP = (6.5, 1.4)  # metres
ARRIVAL = 1.8  # seconds after the throw
NOISE = 0.03  # of a measured coordinate, metres


@dataclass
class Physics:
    """Tensors of shape (), with or without a gradient."""

    gravity: tx.Tensor  # m/s^2
    drag: tx.Tensor  # 1/m: the air takes drag * speed^2
    bounciness: tx.Tensor  # speed after a bounce over speed before

    def values(self) -> list[float]:
        return [self.gravity.item(), self.drag.item(), self.bounciness.item()]


def simulate(physics: Physics, velocity: tx.Tensor, steps: int, step: float = STEP) -> tx.Tensor:
    """Positions (steps, throws, 2), in metres, of balls thrown from (0, HEIGHT) with `velocity` (throws, 2) in m/s.

    Each step takes the mean of the velocities before and after. A ball that a step brings below the floor has bounced
    within that step, `late` seconds before its end: it came in with the gravity of those seconds less, and flies upwards
    with it more. Without that, the speed after a bounce would depend on where in a step it falls, and jump when a
    parameter moves it into another.
    """
    v_x, v_y = velocity.unbind(-1)
    x, y = tx.zeros_like(v_x), tx.full_like(v_y, HEIGHT)
    track = []
    for _ in range(steps):
        slower = 1 - step * physics.drag * (v_x.square() + v_y.square()).sqrt()
        before_x, before_y = v_x, v_y
        v_x, v_y = v_x * slower, v_y * slower - step * physics.gravity
        x, y = x + 0.5 * step * (before_x + v_x), y + 0.5 * step * (before_y + v_y)
        below = y < 0
        late = tx.where(below, y, 0.0) / tx.where(below, v_y, 1.0)
        bounce = tx.where(below, -physics.bounciness, 1.0)
        y, v_y = y * bounce, (v_y + physics.gravity * late) * bounce - physics.gravity * late
        track.append(tx.stack([x, y], -1))
    return tx.stack(track)


def identify(tracks: tx.Tensor, velocity: tx.Tensor, physics: Physics, iterations: int, bar: tqdm) -> list[float]:
    """Fit `physics` in place to measured tracks (steps, throws, 2); returns the losses.

    The horizon grows: a longer flight depends on the parameters more, but with more local minima, too; the first part
    of it shows which one is near.
    """
    parameters = [p.requires_grad_() for p in (physics.gravity, physics.drag, physics.bounciness)]
    optimizer = tx.optim.Adam(
        [{"params": parameters[:1], "lr": 0.15}, {"params": parameters[1:], "lr": 0.02}], betas=(0.8, 0.95)
    )
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=iterations)
    losses = []
    for i in range(iterations):
        horizon = min(len(tracks), round(len(tracks) * (0.25 + 1.25 * i / iterations)))
        difference = simulate(physics, velocity, horizon) - tracks[:horizon]
        loss = difference.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}")
        bar.update()
    for p in parameters:
        p.requires_grad_(False)
    return losses


def misses(track: tx.Tensor) -> tx.Tensor:
    """Distance, in metres, between the hoop and the end of a track (steps, 1, 2), shape ()."""
    return (track[-1, 0] - tx.tensor(HOOP, dtype=track.dtype, device=track.device)).norm()


def aim(physics: Physics, velocity: tx.Tensor, iterations: int, bar: tqdm) -> list[tx.Tensor]:
    """Change one throw, `velocity` (1, 2), in place until it ends in the hoop; returns the track of every iteration."""
    steps = round(ARRIVAL / STEP)
    velocity.requires_grad_()
    optimizer = tx.optim.Adam([velocity], lr=0.3, betas=(0.8, 0.95))
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=iterations)
    tracks = []
    for _ in range(iterations):
        track = simulate(physics, velocity, steps)
        loss = misses(track).square()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        tracks.append(track.detach())
        bar.set_postfix(miss=f"{loss.item() ** 0.5:.3f} m")
        bar.update()
    velocity.requires_grad_(False)
    tracks.append(simulate(physics, velocity, steps))
    return tracks


def constants(values: list[float], device: str) -> Physics:
    return Physics(*(tx.tensor(value, dtype=tx.float64, device=device) for value in values))


def draw(path: Path, measured: np.ndarray, guessed: np.ndarray, fitted: np.ndarray, throws: list[np.ndarray]) -> None:
    """Tracks (steps, throws, 2), measured, as simulated before and after the fit; and those of the throws at the hoop."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for k in range(measured.shape[1]):
        colour = f"C{k}"
        left.plot(*measured[:, k].T, ".", color=colour, markersize=3, alpha=0.6)
        left.plot(*guessed[:, k].T, ":", color=colour, linewidth=1.2)
        left.plot(*fitted[:, k].T, "-", color=colour, linewidth=1.4)
    for style, name in ((".", "measured"), (":", "first guess of the physics"), ("-", "fitted by gradient")):
        left.plot([], [], style, color="black", label=name)
    left.set(title="What physics is that?", xlabel="metres", ylabel="metres")
    left.legend(loc="upper right", fontsize=8)

    for i, track in enumerate(throws):
        last = i == len(throws) - 1
        colour = plt.cm.viridis(0.9 * i / (len(throws) - 1))
        right.plot(*track[:, 0].T, color=colour, linewidth=2 if last else 0.8, label="last throw" if last else None)
    right.plot(*throws[0][:, 0].T, ":", color="black", linewidth=1.2, label="first throw")
    right.plot(*HOOP, "o", color="tab:red", markersize=11, fillstyle="none", markeredgewidth=2, label="hoop")
    right.set(title="How to hit the hoop after a bounce?", xlabel="metres")
    right.legend(loc="upper right", fontsize=8)
    for axes in (left, right):
        axes.axhline(0, color="black", linewidth=1)
        axes.set(ylim=(-0.2, None))
        axes.grid(alpha=0.25)
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=150, help="of each of the two searches")
    parser.add_argument("--steps", type=int, default=130, help=f"of a simulation, {STEP} seconds each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument("--within", type=float, default=np.inf, metavar="METRES", help="fail if further from the hoop")
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    real = constants([9.81, 0.04, 0.8], options.device)
    physics = constants([6.0, 0.0, 0.5], options.device)
    guess = physics.values()
    thrown = tx.tensor([[2.0, 4.0], [4.0, 2.0], [5.0, 5.0]], dtype=tx.float64, device=options.device)
    exact = simulate(real, thrown, options.steps)
    measured = exact + NOISE * tx.randn(exact.shape, dtype=tx.float64).to(options.device)
    guessed = simulate(physics, thrown, options.steps)
    velocity = tx.tensor([[2.0, 3.0]], dtype=tx.float64, device=options.device)
    with tqdm(total=2 * options.iterations, unit="iteration") as bar:
        bar.set_description("physics")
        identify(measured, thrown, physics, options.iterations, bar)
        bar.set_description("aiming")
        throws = aim(physics, velocity, options.iterations, bar)

    print(f"\n{'':12}{'guess':>9}{'found':>9}{'real':>9}")
    rows = zip(("gravity", "drag", "bounciness"), guess, physics.values(), real.values(), strict=True)
    for name, first, found, value in rows:
        print(f"{name:12}{first:9.4f}{found:9.4f}{value:9.4f}")
    distance = misses(simulate(real, velocity, len(throws[-1]))).item()
    v_x, v_y = velocity[0].tolist()
    print(f"a throw at ({v_x:.2f}, {v_y:.2f}) m/s misses the hoop by {misses(throws[0]).item():.2f} m at first,")
    print(f"by {100 * distance:.1f} cm in the end, in the real world")

    shown = np.unique(np.geomspace(1, len(throws), 12).round().astype(int)) - 1
    draw(
        options.out / "simulation.png",
        measured.cpu().numpy(),
        guessed.cpu().numpy(),
        simulate(physics, thrown, options.steps).cpu().numpy(),
        [throws[i].cpu().numpy() for i in shown],
    )
    if distance > options.within:
        print(f"that is more than {options.within} m", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
