"""Double descent: more parameters than data make the test error peak, and still more make it fall again.

    python examples/double_descent.py

Ridge regression from images of digits to their labels, on random Fourier features (Rahimi and Recht 2007), of which a
tenth of the training labels is wrong. Without a penalty, least squares of minimum norm, the test error goes down, up to a
peak where there are as many features as training images, and down again, below its first minimum (Belkin et al. 2019,
arXiv:1812.11118). The peak is where the fit just becomes exact and only huge weights achieve it; a penalty on the weights
removes it (Nakkiran et al. 2020, arXiv:2003.01897). Prints the table, writes out/double_descent.png.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import load_digits
from pictures import save

RATIOS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)  # features to images
FREQUENCY = 0.5  # of the features, per unit of a pixel: their kernel exp(-(FREQUENCY * distance)^2 / 2)
COLOURS = {"training error": "tab:gray", "test error": "tab:red", "norm of the weights": "tab:purple"}


@dataclass
class Data:
    """Images (n, 64) and targets (n, 10), centred one-hot labels, in float64."""

    train: tuple[tx.Tensor, tx.Tensor]
    test: tuple[tx.Tensor, tx.Tensor]


def load(training: int, noise: float, device: str) -> Data:
    """`training` images, a fraction `noise` of which has a random label, and 1,000 others, labelled rightly."""
    images, labels = load_digits()
    order = tx.randperm(len(images))
    chosen, others = order[:training], order[training : training + 1000]
    wrong = tx.rand(training) < noise
    noisy = tx.where(wrong, tx.randint(10, (training,)), labels[chosen])

    def part(rows: tx.Tensor, classes: tx.Tensor) -> tuple[tx.Tensor, tx.Tensor]:
        targets = F.one_hot(classes, 10).double() - 0.1
        return images[rows].flatten(1).double().to(device), targets.to(device)

    return Data(part(chosen, noisy), part(others, labels[others]))


@dataclass
class Fit:
    training_error: float  # mean squared
    test_error: float
    norm: float  # of the weights


def fit(data: Data, features: int, penalties: list[float]) -> list[Fit]:
    """One fit for each penalty, all on the same random features: the weights w that minimise |z w - y|^2 + penalty |w|^2.

    With the singular values z = u diag(s) v^T, they are v diag(s / (s^2 + penalty)) u^T y. Without a penalty, those of
    the smallest norm, where the singular values that rounding left instead of zeros count as zeros.
    """
    (x, y), (x_test, y_test) = data.train, data.test
    waves = FREQUENCY * tx.randn(x.shape[1], features, dtype=x.dtype).to(x.device)
    phases = 2 * np.pi * tx.rand(features, dtype=x.dtype).to(x.device)

    def random_features(images: tx.Tensor) -> tx.Tensor:
        return (images @ waves + phases).cos() * (2 / features) ** 0.5

    z, z_test = random_features(x), random_features(x_test)
    u, s, v_transposed = tx.linalg.svd(z, full_matrices=False)
    kept = s > s[0] * 1e-12
    fits = []
    for penalty in penalties:
        factors = tx.where(kept, s / (s.square() + penalty), 0)
        w = v_transposed.mT @ (factors[:, None] * (u.mT @ y))
        training_error, test_error = F.mse_loss(z @ w, y), F.mse_loss(z_test @ w, y_test)
        fits.append(Fit(training_error.item(), test_error.item(), w.norm().item()))
    return fits


def draw(path: Path, counts: list[int], plain: dict[str, np.ndarray], ridge: np.ndarray, training: int) -> None:
    """`plain`: values (draws, counts) by name, and `ridge`: test errors with a penalty. Medians over thin single draws."""
    figure, rows = plt.subplots(2, 1, figsize=(8, 6.5), sharex=True, height_ratios=(2, 1), layout="constrained")
    top, bottom = rows

    def curve(axes: Axes, values: np.ndarray, name: str, colour: str, style: str = "o-") -> None:
        axes.plot(counts, values.T, color=colour, alpha=0.2, linewidth=0.7)
        axes.plot(counts, np.median(values, 0), style, color=colour, markersize=3.5, label=name)

    curve(top, plain["test error"], "test error", COLOURS["test error"])
    curve(top, plain["training error"], "training error", COLOURS["training error"])
    curve(top, ridge, "test error with a penalty on the weights", "tab:blue", "s--")
    curve(bottom, plain["norm of the weights"], "norm of the weights", COLOURS["norm of the weights"])
    largest = np.median(plain["test error"], 0).max()
    top.set(ylabel="mean squared error", yscale="log", ylim=(3e-3, 2 * largest))
    bottom.set(xlabel="random features", ylabel="norm of the weights", xscale="log", yscale="log")
    for axes in rows:
        axes.axvline(training, color="black", linestyle=":", linewidth=1)
        axes.grid(alpha=0.25)
    top.text(training * 1.05, 1.4 * largest, f"as many features as images: {training}", va="top", fontsize=9)
    top.legend(loc="upper left")
    top.set_title("The error peaks where the fit becomes exact, and falls again beyond")
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200, help="to fit")
    parser.add_argument("--noise", type=float, default=0.1, help="fraction of wrong labels among them")
    parser.add_argument("--penalty", type=float, default=0.1, help="of the fit that is compared")
    parser.add_argument("--draws", type=int, default=5, help="of images and features, for the median")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument(
        "--at-least", type=float, default=0, metavar="FACTOR", help="fail if the peak is lower than that"
    )
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    counts = [max(1, round(ratio * options.images)) for ratio in RATIOS]
    fits: list[list[list[Fit]]] = []  # [draw][count][penalty]
    with tqdm(total=options.draws * len(counts), desc="fitting", unit="fit") as bar:
        for _ in range(options.draws):
            data = load(options.images, options.noise, options.device)
            row = []
            for count in counts:
                row.append(fit(data, count, [0.0, options.penalty]))
                bar.update()
            fits.append(row)

    plain = {
        "training error": np.array([[f[0].training_error for f in row] for row in fits]),
        "test error": np.array([[f[0].test_error for f in row] for row in fits]),
        "norm of the weights": np.array([[f[0].norm for f in row] for row in fits]),
    }
    ridge = np.array([[f[1].test_error for f in row] for row in fits])
    print(f"\n{'features':>8}{'training error':>16}{'test error':>12}{'norm':>9}{'with penalty':>14}")
    medians = [np.median(values, 0) for values in (*plain.values(), ridge)]
    for count, training_error, test_error, norm, penalized in zip(counts, *medians, strict=True):
        print(f"{count:8}{training_error:16.4f}{test_error:12.4f}{norm:9.1f}{penalized:14.4f}")
    draw(options.out / "double_descent.png", counts, plain, ridge, options.images)

    errors = medians[1]
    peak = errors.argmax()
    factor = errors[peak] / min(errors[:peak].min(initial=np.inf), errors[-1])
    print(f"the peak, at {counts[peak]} features, is {factor:.1f} times the lowest error")
    if factor < options.at_least:
        print(f"that is less than {options.at_least}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
