"""Transfer learning: a network that knows the digits 0 to 4 learns 5 to 9 in a fraction of the steps.

    python examples/transfer.py

Pretrains on 0-4, saves the state, loads all of it but the head into a new network, and learns 5-9 from a few labelled
images of each digit in three ways: from scratch, with the features frozen, and all of it fine-tuned. Each is scored, after
more and more steps, on the images of 5-9 that nothing was trained on, for several draws of the few. What it shows: the
features of five digits are a head start, not better features; frozen ones are overtaken. Writes out/transfer.png.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import load_digits
from pictures import save
from tensorx import nn

PER_DIGIT = (5, 20)  # labelled images of each new digit
STEPS = (1, 2, 5, 10, 20, 40, 80)  # when a network is scored
WAYS = {"from scratch": "tab:gray", "frozen features": "tab:orange", "fine-tuned": "tab:blue"}


class Net(nn.Module):
    """Features that a new task can use, and a head that it cannot."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(32 * 4 * 4, classes)

    def forward(self, x: tx.Tensor) -> tx.Tensor:
        return self.head(self.features(x))


def train(model: nn.Module, images: tx.Tensor, labels: tx.Tensor, steps: int, batch: int = 64) -> Iterator[int]:
    """Yields the number of steps after each. What is frozen stays as it is."""
    optimizer = tx.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    for step in range(steps):
        chosen = tx.randint(len(images), (min(batch, len(images)),))
        loss = F.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step + 1


def accuracy(model: nn.Module, images: tx.Tensor, labels: tx.Tensor) -> float:
    with tx.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def start(way: str, pretrained: Path) -> Net:
    """A network for five new digits, as it is at the start in one of WAYS."""
    model = Net(5)
    if way != "from scratch":
        state = tx.load(pretrained)
        kept = {name: value for name, value in state.items() if name.startswith("features.")}
        keys = model.load_state_dict(kept, strict=False)
        assert keys.missing_keys == ["head.weight", "head.bias"] and not keys.unexpected_keys
    if way == "frozen features":
        model.features.requires_grad_(False)
    return model


def choose(labels: tx.Tensor, count: int) -> tx.Tensor:
    """The indices of `count` random images of each digit."""
    order = tx.randperm(len(labels))
    return tx.cat([order[labels[order] == digit][:count] for digit in range(5)])


def draw(path: Path, results: dict[tuple[str, int], np.ndarray]) -> None:
    """`results`: by way and number of images, accuracies (repetitions, STEPS)."""
    figure, panels = plt.subplots(1, len(PER_DIGIT), figsize=(10, 4.2), sharey=True, layout="constrained")
    for axes, count in zip(panels, PER_DIGIT):
        for way, color in WAYS.items():
            scores = 100 * results[way, count]
            axes.plot(STEPS, scores.mean(0), "o-", color=color, label=way)
            axes.fill_between(STEPS, scores.min(0), scores.max(0), color=color, alpha=0.15, linewidth=0)
        axes.set(xscale="log", xticks=STEPS, xticklabels=STEPS, xlabel="training steps")
        axes.set_title(f"from {count} images of each digit")
        axes.axhline(20, color="black", linewidth=0.8, linestyle=":")
        axes.minorticks_off()
        axes.grid(alpha=0.25)
    panels[0].set(ylabel="accuracy on held-out images, %", ylim=(0, 100))
    panels[0].text(STEPS[-1], 17, "guessing", ha="right", va="top")
    panels[-1].legend(loc="lower right")
    figure.suptitle("Learning the digits 5 to 9 with what 0 to 4 have taught", weight="bold")
    save(figure, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="draws of the few images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture and the pretrained state")
    options = parser.parse_args()

    tx.manual_seed(options.seed)
    images, labels = load_digits()
    order = tx.randperm(len(images))
    images, labels = images[order], labels[order]
    old, new = labels < 5, labels >= 5
    old_images, old_labels = images[old], labels[old]
    new_images, new_labels = images[new], labels[new] - 5
    few, held_out = len(new_images) // 2, slice(len(new_images) // 2, None)

    results = {(way, count): np.zeros((options.repetitions, len(STEPS))) for way in WAYS for count in PER_DIGIT}
    with tqdm(total=1 + len(results) * options.repetitions, unit="network") as bar:
        bar.set_description("pretraining on 0-4")
        model = Net(5)
        for _ in train(model, old_images[200:], old_labels[200:], 300):
            pass
        known = accuracy(model, old_images[:200], old_labels[:200])
        pretrained = options.out / "transfer_pretrained.pt"
        pretrained.parent.mkdir(parents=True, exist_ok=True)
        tx.save(model.state_dict(), pretrained)
        bar.update()
        for repetition in range(options.repetitions):
            for count in PER_DIGIT:
                chosen = choose(new_labels[:few], count)
                for way in WAYS:
                    bar.set_description(f"{way}, {count} of each")
                    model = start(way, pretrained)
                    for step in train(model, new_images[chosen], new_labels[chosen], STEPS[-1]):
                        if step in STEPS:
                            score = accuracy(model, new_images[held_out], new_labels[held_out])
                            results[way, count][repetition, STEPS.index(step)] = score
                    bar.update()

    print(f"pretrained on 0-4: {known:.1%} of held-out images right")
    print(f"accuracy on held-out images of 5-9, mean of {options.repetitions} draws, by training steps:")
    for count in PER_DIGIT:
        print(f"\n{f'{count} of each digit':16}" + "".join(f"{step:>8}" for step in STEPS))
        for way in WAYS:
            print(f"{way:16}" + "".join(f"{mean:8.1%}" for mean in results[way, count].mean(0)))
    print()
    draw(options.out / "transfer.png", results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
