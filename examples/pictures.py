"""The two pictures that the examples write: how training went, and what the network says of some images."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")  # files only, no window
import matplotlib.pyplot as plt

RIGHT, WRONG = "#1b7837", "#c51b7d"


def draw_training(path: Path, losses: list[float], accuracies: list[float], title: str) -> None:
    """`losses`: one per step. `accuracies`: held-out, one per epoch, between 0 and 1."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    steps = np.arange(1, len(losses) + 1)
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    axes.plot(steps, losses, color="tab:blue", alpha=0.25, linewidth=0.8, label="loss of each batch")
    axes.plot(steps[window - 1 :], smooth, color="tab:blue", label=f"mean of {window} batches")
    axes.set(xlabel="step", ylabel="training loss", yscale="log", xlim=(0, len(losses)))
    axes.grid(alpha=0.25)

    right = axes.twinx()
    ends = np.arange(1, len(accuracies) + 1) * len(losses) / len(accuracies)
    right.plot(ends, 100 * np.array(accuracies), "o-", color="tab:orange", markersize=3.5, label="held-out")
    right.set(ylabel="held-out accuracy, %", ylim=(min(90.0, 100 * min(accuracies)), 100.3))
    lines = axes.get_lines() + right.get_lines()
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="center right")
    axes.set_title(f"{title}: {100 * accuracies[-1]:.1f}% of the held-out images right")
    save(figure, path)


def draw_predictions(
    path: Path,
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    rows: int = 4,
    columns: int = 10,
) -> None:
    """First its mistakes, surest first (at most half of the grid), then the right answers it doubts most."""
    guesses = probabilities.argmax(1)
    confidence = probabilities.max(1)
    wrong = guesses != labels
    ranked = confidence.argsort(kind="stable")
    surprising = ranked[wrong[ranked]][::-1][: rows * columns // 2]
    unsure = ranked[~wrong[ranked]][: rows * columns - len(surprising)]
    figure, grid = plt.subplots(rows, columns, figsize=(1.25 * columns, 1.6 * rows), layout="constrained")
    for axes, k in zip(grid.flat, np.append(surprising, unsure), strict=False):
        axes.imshow(images[k], cmap="gray_r", interpolation="nearest")
        text = f"{names[guesses[k]]}  {confidence[k]:.0%}"
        if wrong[k]:
            text += f"\nis {names[labels[k]]}"
        axes.set_title(text, fontsize=9, color=WRONG if wrong[k] else RIGHT)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
    title = f"{len(labels)} held-out images: the surest of {wrong.sum()} mistakes, then the least sure answers"
    figure.suptitle(title, weight="bold")
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"picture: {path}")
