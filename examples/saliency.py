"""Saliency: which pixels a network's answer depends on, by gradients and hooks, and a test of whether that is true.

    python examples/saliency.py

Trains the network of digits.py for a few seconds, then explains its answers to held-out images in four ways:

    gradient        |d score / d pixel|. Simonyan et al. 2013, arXiv:1312.6034
    SmoothGrad      the mean of the gradients of noisy copies. Smilkov et al. 2017, arXiv:1706.03825
    guided          negative gradients dropped at every ReLU, by backward hooks. Springenberg et al. 2014, arXiv:1412.6806
    Grad-CAM        a layer's activations, weighted with their mean gradients, by hooks. Selvaraju et al. 2016, arXiv:1610.02391

The test: take pixels away, the most salient first, and see how soon the answers change; if a map is of use, sooner than with
pixels in random order. Prints the table, writes out/saliency.png.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import load_digits
from pictures import save
from tensorx import nn

TAKEN = (0, 2, 4, 8, 12, 16, 24, 32)  # pixels taken away, of 64


def network() -> nn.Sequential:
    """That of digits.py, with its ReLUs as modules, so that hooks find them."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10),
    )  # fmt: skip


def train(model: nn.Module, images: tx.Tensor, labels: tx.Tensor, steps: int) -> None:
    optimizer = tx.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in tqdm(range(steps), desc="training", unit="step"):
        chosen = tx.randint(len(images), (64,))
        loss = F.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def gradient_of(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    """d score of its class / d pixel, for each image: no image's score depends on another's pixels."""
    images = images.detach().requires_grad_()
    scores = model(images).gather(1, classes.unsqueeze(1))
    (gradient,) = tx.autograd.grad(scores.sum(), images)
    return gradient


def plain(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    return gradient_of(model, images, classes).abs().squeeze(1)


def smooth(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    noisy = [gradient_of(model, images + 0.2 * tx.randn_like(images), classes) for _ in range(30)]
    return tx.stack(noisy).mean(0).abs().squeeze(1)


def guided(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    handles = [
        layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0].clamp(min=0),))
        for layer in model.modules()
        if isinstance(layer, nn.ReLU)
    ]
    try:
        return gradient_of(model, images, classes).abs().squeeze(1)
    finally:
        for handle in handles:
            handle.remove()


def grad_cam(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    kept: dict[str, tx.Tensor] = {}
    layer = model.get_submodule("5")  # the last ReLU before the image's plan is lost
    with (
        layer.register_forward_hook(lambda module, args, output: kept.update(activation=output.detach())),
        layer.register_full_backward_hook(lambda module, grad_input, grad_output: kept.update(gradient=grad_output[0])),
    ):
        gradient_of(model, images, classes)
    weights = kept["gradient"].mean((2, 3), keepdim=True)
    return (weights * kept["activation"]).sum(1).relu()


def at_random(model: nn.Module, images: tx.Tensor, classes: tx.Tensor) -> tx.Tensor:
    return tx.rand(len(images), *images.shape[2:])


WAYS: dict[str, Callable[[nn.Module, tx.Tensor, tx.Tensor], tx.Tensor]] = {
    "gradient": plain,
    "SmoothGrad": smooth,
    "guided": guided,
    "Grad-CAM": grad_cam,
}


def answers_kept(model: nn.Module, images: tx.Tensor, classes: tx.Tensor, maps: tx.Tensor) -> list[float]:
    """What part of the answers stays, as more and more of the most salient pixels become the images' mean."""
    order = maps.flatten(1).argsort(1, descending=True)
    kept = []
    for count in TAKEN:
        damaged = images.flatten(1).clone()
        damaged.scatter_(1, order[:, :count], images.mean().item())
        with tx.no_grad():
            kept.append((model(damaged.view_as(images)).argmax(1) == classes).float().mean().item())
    return kept


def draw(
    path: Path, images: np.ndarray, classes: np.ndarray, maps: dict[str, np.ndarray], kept: dict[str, list[float]]
) -> None:
    """Above: an image per digit with its maps. Below: how the answers change."""
    figure = plt.figure(figsize=(10, 8.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.7, 1])
    grid = above.subplots(1 + len(maps), len(images))
    for row, (name, pictures) in enumerate({"image": images, **maps}.items()):
        for axes, picture in zip(grid[row], pictures):
            axes.imshow(picture, cmap="gray_r" if row == 0 else "magma", interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
        grid[row][0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, answer in zip(grid[0], classes):
        axes.set_title(f"“{answer}”", fontsize=11)
    axes = below.subplots()
    for name, values in kept.items():
        style = {"color": "black", "linestyle": ":", "marker": "o"} if name == "at random" else {"marker": "o"}
        axes.plot(TAKEN, 100 * np.array(values), label=name, **style)
    axes.set(xlabel="pixels taken away, the most salient first, of 64", ylabel="answers that stay, %", ylim=(0, 103))
    axes.grid(alpha=0.25)
    axes.legend()
    figure.suptitle("Which pixels the answer depends on, and a test of it", weight="bold")
    save(figure, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    options = parser.parse_args()

    tx.manual_seed(options.seed)
    images, labels = load_digits()
    order = tx.randperm(len(images))
    images, labels = images[order], labels[order]
    held_out = 300
    model = network()
    train(model, images[held_out:], labels[held_out:], options.steps)
    model.eval()
    images, labels = images[:held_out], labels[:held_out]
    with tx.no_grad():
        classes = model(images).argmax(1)
    print(f"held-out accuracy: {(classes == labels).float().mean().item():.1%}")

    maps, kept = {}, {}
    for name, way in tqdm([*WAYS.items(), ("at random", at_random)], desc="explaining", unit="way"):
        found = way(model, images, classes)
        kept[name] = answers_kept(model, images, classes, found)
        if name in WAYS:
            maps[name] = found.numpy()
    print(f"\nanswers that stay, by pixels taken away:\n{'':12}" + "".join(f"{count:>8}" for count in TAKEN))
    for name, values in kept.items():
        print(f"{name:12}" + "".join(f"{value:8.0%}" for value in values))
    print()

    shown = [int((classes == digit).nonzero()[0].item()) for digit in range(10)]
    pictures = {name: found[shown] for name, found in maps.items()}
    draw(options.out / "saliency.png", images[shown].squeeze(1).numpy(), classes[shown].numpy(), pictures, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
