"""What one output unit of a convolutional network sees of its input: by formula, by gradient, in a picture.

    python examples/receptive_field.py

Above: which units a unit of the last layer depends on, layer by layer, for three ways to reach 15 inputs or so. Below: the
gradient of one output with respect to an image, averaged over random images, in the frame that the formula gives: the
effective receptive field is a soft spot in it (Luo et al. 2016, arXiv:1701.04128). Writes out/receptive_field.png.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from tqdm import tqdm

import tensorx as tx
from pictures import save
from tensorx import nn
from tensorx.nn.utils.receptive_field import receptive_field, receptive_field_by_gradient, receptive_fields

SIZE = 49  # of the images


def chains() -> dict[str, list[nn.Module]]:
    """One-dimensional networks, for the diagrams."""
    return {
        "seven layers of 3": [nn.Conv1d(1, 1, 3) for _ in range(7)],
        "dilation 1, 2, 4": [nn.Conv1d(1, 1, 3, dilation=d) for d in (1, 2, 4)],
        "stride 2, 2, 2": [nn.Conv1d(1, 1, 3, stride=2) for _ in range(3)],
    }


def planes() -> dict[str, nn.Module]:
    """Two-dimensional networks, for the maps."""

    def blocks(count: int, channels: int = 16, **options) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for i in range(count):
            layers += [nn.Conv2d(1 if i == 0 else channels, channels, 3, **options), nn.ReLU()]
        return layers

    return {
        "10 convolutions": nn.Sequential(*blocks(10, padding=1)),
        "dilated 1, 2, 4, 8": nn.Sequential(
            *[nn.Conv2d(1 if d == 1 else 16, 16, 3, padding=d, dilation=d) for d in (1, 2, 4, 8)]
        ),
        "pooled": nn.Sequential(*blocks(2, padding=1), nn.MaxPool2d(2), nn.Conv2d(16, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 1, 3)),
        "down and up": nn.Sequential(
            *blocks(1, padding=1, stride=2), nn.Conv2d(16, 8, 3, padding=1, stride=2), nn.ReLU(),
            nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1), nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
        ),
    }  # fmt: skip


def links(layers: list[nn.Module], length: int) -> list[list[tuple[int, int]]]:
    """By layer, from the last: (unit, unit of the layer before) on the paths to the middle output."""
    inputs = [tx.rand(1, 1, length)]
    for layer in layers:
        nn.init.ones_(layer.weight)
        inputs.append(layer(inputs[-1]).detach())
    units, found = {inputs[-1].shape[-1] // 2}, []
    for layer, x in zip(reversed(layers), reversed(inputs[:-1])):
        pairs = [
            (unit, seen)
            for unit in sorted(units)
            for seen in receptive_field_by_gradient(layer, x, [unit]).nonzero().flatten().tolist()
        ]
        units = {seen for _, seen in pairs}
        found.append(pairs)
    return found


def draw_chain(axes: plt.Axes, name: str, layers: list[nn.Module]) -> None:
    """Units as dots, each at its place above the input, and the links that lead to the middle output."""
    length = 17
    (seen,) = receptive_field(nn.Sequential(*layers), tx.zeros(1, 1, length))
    fields = receptive_fields(nn.Sequential(*layers), tx.zeros(1, 1, length))
    # Unit k of a layer stands over the middle of its field: half of the size, and k steps.
    places = [(0.0, 1.0)] + [((field.size[0] - 1) / 2, field.step[0]) for field in fields]
    for depth, pairs in enumerate(links(layers, length)):
        level = len(layers) - depth
        (start, step), (start_before, step_before) = places[level], places[level - 1]
        for unit, before in pairs:
            x = [start + step * unit, start_before + step_before * before]
            axes.plot(x, [level, level - 1], color="tab:blue", linewidth=0.8, alpha=0.6, zorder=1)
            axes.plot(x, [level, level - 1], "o", color="tab:blue", markersize=4, zorder=2)
    axes.plot(range(length), [0] * length, "o", color="lightgray", markersize=4, zorder=0)
    axes.plot(list(seen), [0] * len(seen), "o", color="tab:orange", markersize=5, zorder=3)
    axes.set_title(f"{name}: {len(seen)} inputs")
    axes.set(xlim=(-0.5, length - 0.5), yticks=range(len(layers) + 1), xticks=[])
    axes.set_yticklabels(["input", *map(str, range(1, len(layers) + 1))])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_plane(axes: plt.Axes, name: str, seen: np.ndarray, frame: tuple[range, ...]) -> float:
    """The map of the gradient in the frame of the formula. Returns what part of the frame has half of the gradient."""
    axes.imshow(seen / seen.max(), cmap="magma", interpolation="nearest")
    rows, columns = frame
    corner = (columns.start - 0.5, rows.start - 0.5)
    axes.add_patch(Rectangle(corner, len(columns), len(rows), fill=False, edgecolor="tab:orange", linewidth=1.5))
    ordered = np.sort(seen.ravel())[::-1]
    half = int((ordered.cumsum() < 0.5 * ordered.sum()).sum()) + 1
    share = half / (len(rows) * len(columns))
    axes.set_title(f"{name}: {len(rows)} x {len(columns)}\nhalf of the gradient in {share:.0%} of it", fontsize=10)
    axes.set(xticks=[], yticks=[])
    return share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128, help="random images that the gradient is averaged over")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    options = parser.parse_args()

    tx.manual_seed(options.seed)
    figure = plt.figure(figsize=(12, 7), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.25])
    for axes, (name, layers) in zip(above.subplots(1, 3), chains().items()):
        draw_chain(axes, name, layers)
    table = []
    with tqdm(planes().items(), desc="gradients", unit="network") as bar:
        for axes, (name, model) in zip(below.subplots(1, 4), bar):
            x = tx.randn(1, 1, SIZE, SIZE)
            seen = np.zeros((SIZE, SIZE))
            for _ in range(options.images // 16):
                seen += receptive_field_by_gradient(model, tx.randn(16, 1, SIZE, SIZE)).numpy()
            share = draw_plane(axes, name, seen, receptive_field(model, x))
            last = receptive_fields(model, x)[-1]
            table.append((name, f"{last.size[0]} x {last.size[1]}", f"{last.step[0]:g}", f"{share:.0%}"))

    print(f"{'network':20}{'sees':>10}{'step':>6}{'half of the gradient in':>26}")
    for name, size, step, text in table:
        print(f"{name:20}{size:>10}{step:>6}{text:>26}")
    figure.suptitle("What one output unit sees of the input", weight="bold")
    save(figure, options.out / "receptive_field.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
