"""Gradient accumulation: four batches of 16 train a network as one batch of 64 does, in the memory of 16.

    python examples/accumulation.py

Each training starts at the same weights and sees the same images in the same order. backward() adds to .grad, so that a step
after four quarters of a batch is a step after all of it, if each loss is divided by four: a mean of means. Without that
division the gradient is four times as large, which is another training. The table has the loss after each epoch, the
largest difference of any weight from that of whole batches, in float32 and float64, and the most memory that a step took.
Writes out/accumulation.png.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import load_digits
from memory import memory_now, peak_memory
from pictures import save
from tensorx import nn

BATCH, PARTS = 64, 4
WHOLE, ACCUMULATED, UNDIVIDED = "1 x 64", "4 x 16", "4 x 16, not divided"


def network() -> nn.Sequential:
    """Without batch normalisation, which would see 16 images at a time: another computation. And smooth: where ReLU or a
    maximum takes another branch, rounding becomes visible after some epochs of float32.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    )


@dataclass
class Training:
    model: nn.Module
    losses: list[float] = field(default_factory=list)  # mean of each epoch
    differences: list[float] = field(default_factory=list)  # of the weights from those of whole batches, each epoch
    memory: int = 0  # bytes


def epoch(training: Training, optimizer: tx.optim.Optimizer, images: tx.Tensor, labels: tx.Tensor, way: str) -> None:
    """A step for each 64 images, in the order given."""
    parts = 1 if way == WHOLE else PARTS
    divisor = parts if way == ACCUMULATED else 1
    total = 0.0
    for x, y in zip(images.split(BATCH), labels.split(BATCH), strict=True):
        optimizer.zero_grad(set_to_none=False)
        for x_part, y_part in zip(x.chunk(parts), y.chunk(parts), strict=True):
            loss = F.cross_entropy(training.model(x_part), y_part)
            (loss / divisor).backward()
            total += loss.item() / parts
        optimizer.step()
    training.losses.append(total * BATCH / len(images))


def difference(a: nn.Module, b: nn.Module) -> float:
    """The largest of any weight."""
    return max((p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True))


def compare(dtype: tx.dtype, count: int, epochs: int, seed: int, device: str, bar: tqdm) -> dict[str, Training]:
    images, labels = load_digits()
    images, labels = images[:count].to(device, dtype), labels[:count].to(device)
    tx.manual_seed(seed)
    first = network().to(device, dtype)
    trainings = {}
    for way in (WHOLE, ACCUMULATED, UNDIVIDED):
        training = Training(network().to(device, dtype))
        training.model.load_state_dict(first.state_dict())
        trainings[way] = training
    optimizers = {
        way: tx.optim.SGD(training.model.parameters(), lr=0.05, momentum=0.9) for way, training in trainings.items()
    }
    for _ in range(epochs):
        order = tx.randperm(count).to(device)
        shuffled, answers = images[order], labels[order]
        for way, training in trainings.items():
            held = memory_now(device)
            peak_memory(device)
            epoch(training, optimizers[way], shuffled, answers, way)
            training.memory = max(training.memory, peak_memory(device) - held)
            training.differences.append(difference(trainings[WHOLE].model, training.model))
            bar.update()
    return trainings


def draw(path: Path, single: dict[str, Training], double: dict[str, Training]) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = np.arange(1, len(single[WHOLE].losses) + 1)
    for way, style in ((WHOLE, "-"), (ACCUMULATED, "o"), (UNDIVIDED, "--")):
        left.plot(epochs, single[way].losses, style, label=way, markersize=4)
    left.set(title="Loss of training", xlabel="epoch", ylabel="cross-entropy", yscale="log")
    for name, trainings in (("float32", single), ("float64", double)):
        right.plot(epochs, trainings[ACCUMULATED].differences, "o-", markersize=4, label=f"4 x 16, {name}")
    right.plot(epochs, single[UNDIVIDED].differences, "--", color="tab:gray", label="4 x 16, not divided")
    right.set(title="Largest difference of a weight from 1 x 64", xlabel="epoch", yscale="log")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend()
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batches", type=int, default=28, help="of an epoch, of 64 images each; at most 28")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument("--within", type=float, default=np.inf, metavar="WEIGHT", help="fail if float64 differs more")
    options = parser.parse_args(arguments)

    count = BATCH * min(options.batches, 28)
    with tqdm(total=6 * options.epochs, unit="epoch") as bar:
        bar.set_description("float32")
        single = compare(tx.float32, count, options.epochs, options.seed, options.device, bar)
        bar.set_description("float64")
        double = compare(tx.float64, count, options.epochs, options.seed, options.device, bar)

    print(f"\n{'loss of epoch':>13}" + "".join(f"{way:>22}" for way in single))
    for i in range(options.epochs):
        print(f"{i + 1:13}" + "".join(f"{training.losses[i]:22.6f}" for training in single.values()))
    for name, trainings in (("float32", single), ("float64", double)):
        print(
            f"{'|difference|':>13}" + "".join(f"{t.differences[-1]:22.1e}" for t in trainings.values()) + f"   {name}"
        )
    print(f"{'peak memory':>13}" + "".join(f"{t.memory / 1024:18.0f} KiB" for t in single.values()))
    draw(options.out / "accumulation.png", single, double)
    if double[ACCUMULATED].differences[-1] > options.within:
        print(f"that is more than {options.within}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
