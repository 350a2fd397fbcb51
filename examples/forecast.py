"""Forecast the sun's activity with an LSTM that says how sure it is.

    python examples/forecast.py          under a minute on one core

The yearly mean sunspot numbers from 1700 to 2008. A network learns from the years before 1930: from the years so far, a normal
distribution of the next one. It forecasts further by drawing from that, feeding the draw back in, and so on, many times over:
where the draws lie apart, it is not sure. Prints a table of errors beside simpler forecasts, and how often the truth was
inside of the intervals. Writes out/forecast.png.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from pictures import save
from tensorx import nn

FIRST = 1700
# Yearly means of the international sunspot number (the series of before its revision in 2015), in the public domain:
# SILSO, Royal Observatory of Belgium, and the U.S. National Geophysical Data Center.
SUNSPOTS = """
    5 11 16 23 36 58 29 20 10 8 3 0 0 2 11 27 47 63 60 39 28 26 22 11 21 40 78 122 103 73 47 35 11 5 16 34 70 81
    111 101 73 40 20 16 5 11 22 40 60 80.9 83.4 47.7 47.8 30.7 12.2 9.6 10.2 32.4 47.6 54 62.9 85.9 61.2 45.1
    36.4 20.9 11.4 37.8 69.8 106.1 100.8 81.6 66.5 34.8 30.6 7 19.8 92.5 154.4 125.9 84.8 68.1 38.5 22.8 10.2
    24.1 82.9 132 130.9 118.1 89.9 66.6 60 46.9 41 21.3 16 6.4 4.1 6.8 14.5 34 45 43.1 47.5 42.2 28.1 10.1 8.1
    2.5 0 1.4 5 12.2 13.9 35.4 45.8 41.1 30.1 23.9 15.6 6.6 4 1.8 8.5 16.6 36.3 49.6 64.2 67 70.9 47.8 27.5 8.5
    13.2 56.9 121.5 138.3 103.2 85.7 64.6 36.7 24.2 10.7 15 40.1 61.5 98.5 124.7 96.3 66.6 64.5 54.1 39 20.6 6.7
    4.3 22.7 54.8 93.8 95.8 77.2 59.1 44 47 30.5 16.3 7.3 37.6 74 139 111.2 101.6 66.2 44.7 17 11.3 12.4 3.4 6
    32.3 54.3 59.7 63.7 63.5 52.2 25.4 13.1 6.8 6.3 7.1 35.6 73 85.1 78 64 41.8 26.2 26.7 12.1 9.5 2.7 5 24.4 42
    63.5 53.8 62 48.5 43.9 18.6 5.7 3.6 1.4 9.6 47.4 57.1 103.9 80.6 63.6 37.6 26.1 14.2 5.8 16.7 44.3 63.9 69
    77.8 64.9 35.7 21.2 11.1 5.7 8.7 36.1 79.7 114.4 109.6 88.8 67.8 47.5 30.6 16.3 9.6 33.2 92.6 151.6 136.3
    134.7 83.9 69.4 31.5 13.9 4.4 38 141.7 190.2 184.8 159 112.3 53.9 37.6 27.9 10.2 15.1 47 93.8 105.9 105.5
    104.5 66.6 68.9 38 34.5 15.5 12.6 27.5 92.5 155.4 154.6 140.4 115.9 66.6 45.9 17.9 13.4 29.4 100.2 157.6
    142.6 145.7 94.3 54.6 29.9 17.5 8.6 21.5 64.3 93.3 119.6 111 104 63.7 40.4 29.8 15.2 7.5 2.9
"""


class Forecaster(nn.Module):
    """Mean and variance of each next value, given those before it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, size, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(size, 2)

    def forward(self, x: tx.Tensor, state=None):  # (series, years)
        h, state = self.lstm(x[..., None], state)
        mean, spread = self.output(self.dropout(h)).unbind(2)
        return x + mean, F.softplus(spread).square() + 1e-3, state

    @tx.no_grad()
    def draw(self, past: tx.Tensor, years: int, paths: int) -> tx.Tensor:
        """What may come after `past`, (years so far,): (paths, years)."""
        mean, variance, state = self(past[None])
        mean, variance = mean[:, -1:].expand(paths, 1), variance[:, -1:].expand(paths, 1)
        state = tuple(part.expand(-1, paths, -1).contiguous() for part in state)  # all draws share the past
        drawn: list[tx.Tensor] = []
        for _ in range(years):
            drawn.append(mean + variance.sqrt() * tx.randn(paths, 1).to(past.device))
            mean, variance, state = self(drawn[-1], state)
        return tx.cat(drawn, 1)


def train(model: Forecaster, series: tx.Tensor, steps: int, batch: int, length: int) -> None:
    """On pieces of `length` years."""
    optimizer = tx.optim.AdamW(model.parameters(), weight_decay=0.1)
    schedule = tx.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps, pct_start=0.1)
    losses = []
    with tqdm(total=steps, desc="training", unit="step") as bar:
        for _ in range(steps):
            starts = tx.randint(len(series) - length, (batch,))
            x = series[(starts[:, None] + tx.arange(length + 1)).to(series.device)]
            mean, variance, _ = model(x[:, :-1])
            loss = F.gaussian_nll_loss(mean, x[:, 1:], variance)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix(loss=f"{np.mean(losses[-20:]):.3f}", refresh=False)


def autoregression(series: np.ndarray, order: int) -> np.ndarray:
    """Weights of the last `order` values, oldest first, and a constant, that forecast the next one with least squares."""
    pasts = np.lib.stride_tricks.sliding_window_view(series, order)[:-1]
    return np.linalg.lstsq(np.column_stack([pasts, np.ones(len(pasts))]), series[order:])[0]


def extend(series: np.ndarray, weights: np.ndarray, years: int) -> np.ndarray:
    order = len(weights) - 1
    values = list(series[-order:])
    for _ in range(years):
        values.append(float(np.dot(values[-order:], weights[:-1]) + weights[-1]))
    return np.array(values[order:])


def draw_forecast(path: Path, numbers: np.ndarray, learned: int, paths: np.ndarray, shown: int = 100) -> None:
    """The last `shown` years and, from `learned` on, the median of `paths` with the intervals that hold half and 90%."""
    years = FIRST + np.arange(len(numbers))
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    axes.plot(years[-shown:], numbers[-shown:], "o-", color="black", markersize=2.5, linewidth=1, label="observed")
    ahead = FIRST + learned + np.arange(paths.shape[1])
    for inside, alpha in ((90, 0.2), (50, 0.35)):
        low, high = np.percentile(paths, [50 - inside / 2, 50 + inside / 2], axis=0)
        axes.fill_between(
            ahead, low, high, color="tab:orange", alpha=alpha, linewidth=0, label=f"{inside}% of the draws"
        )
    axes.plot(ahead, np.median(paths, 0), color="tab:red", label="median of the draws")
    axes.set(
        title=f"Sunspots from {ahead[0]} on, forecast with the years before", ylabel="sunspot number", ylim=(0, None)
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left")
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--until", type=int, default=1930, metavar="YEAR", help="learn from the years before")
    parser.add_argument("--years", type=int, default=11, help="years to forecast, from every year that was held out")
    parser.add_argument("--paths", type=int, default=200, help="draws for each forecast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument(
        "--at-most", type=float, default=math.inf, metavar="ERROR", help="fail above this, a year ahead"
    )
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    numbers = np.array(SUNSPOTS.split(), dtype=np.float64)
    learned = options.until - FIRST
    last = len(numbers) - options.years  # the last year with enough years behind it
    if not 100 <= learned <= last:
        parser.error(
            f"--until must leave 100 years to learn from and {options.years} to forecast: {FIRST + 100} to {FIRST + last}"
        )
    roots = np.sqrt(numbers)  # their spread is about the same in quiet and in active years
    centre, scale = roots[:learned].mean(), roots[:learned].std()
    series = tx.tensor((roots - centre) / scale, dtype=tx.float32, device=options.device)

    model = Forecaster(options.size).to(options.device)
    train(model, series[:learned], options.steps, options.batch, length=66)  # six cycles of about eleven years
    model.eval()

    def forecast(year: int) -> np.ndarray:
        """Sunspot numbers of `options.years` from the index `year` on, knowing those before: (paths, years)."""
        drawn = model.draw(series[:year], options.years, options.paths).cpu().numpy()
        return (drawn * scale + centre).clip(0) ** 2

    weights = autoregression(roots[:learned], order=9)
    starts = range(learned, last + 1)
    truth = np.array([numbers[start : start + options.years] for start in starts])  # (forecasts, years)
    paths = np.array([forecast(start) for start in tqdm(starts, desc="forecasting")])  # (forecasts, paths, years)
    others = {
        "the mean": np.full_like(truth, numbers[:learned].mean()),
        "as in the last year": np.array([[numbers[start - 1]] * options.years for start in starts]),
        "as 11 years before": np.array([np.resize(numbers[start - 11 : start], options.years) for start in starts]),
        "autoregression of order 9": np.array([extend(roots[:start], weights, options.years) for start in starts]) ** 2,
        "LSTM, median of draws": np.median(paths, 1),
    }
    columns = [ahead for ahead in (1, 2, 3, 5, 8, 11) if ahead <= options.years]
    print(f"\nroot mean square error of {len(truth)} forecasts, from {options.until} on")
    print(f"{'years ahead':<26}" + "".join(f"{ahead:>8}" for ahead in columns))
    errors = {name: np.sqrt(np.square(guess - truth).mean(0)) for name, guess in others.items()}
    for name, error in errors.items():
        print(f"{name:<26}" + "".join(f"{error[ahead - 1]:>8.1f}" for ahead in columns))
    print("truth within the LSTM's interval, %")
    for inside in (50, 90):
        low, high = np.percentile(paths, [50 - inside / 2, 50 + inside / 2], axis=1)
        found = 100 * ((low <= truth) & (truth <= high)).mean(0)
        print(f"{f'  that holds {inside}% of draws':<26}" + "".join(f"{found[ahead - 1]:>8.0f}" for ahead in columns))

    drawn = model.draw(series[:learned], min(33, len(numbers) - learned), 5 * options.paths).cpu().numpy()
    draw_forecast(options.out / "forecast.png", numbers, learned, (drawn * scale + centre).clip(0) ** 2)
    error = errors["LSTM, median of draws"][0]
    if error > options.at_most:
        print(f"an error of {error:.1f} is more than {options.at_most}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
