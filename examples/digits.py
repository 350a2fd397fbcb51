"""Train a small convolutional network on 1,797 real handwritten digits, in seconds.

    python examples/digits.py

A fifth of the images is held out. Writes out/digits_loss.png and out/digits_predictions.png.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from pictures import draw_predictions, draw_training
from tensorx import nn
from tensorx.utils.data import DataLoader, TensorDataset

DATA = Path(__file__).parent / "data" / "digits.csv.gz"


def load_digits() -> tuple[tx.Tensor, tx.Tensor]:
    """Images (1797, 1, 8, 8) between 0 and 1, and labels (1797,) from 0 to 9."""
    with gzip.open(DATA, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images, labels = table[:, :64], table[:, 64]
    return tx.tensor(images / 16).view(-1, 1, 8, 8), tx.tensor(labels.astype(np.int64))


class DigitNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(64)
        self.hidden = nn.Linear(64 * 4 * 4, 128)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(128, 10)

    def forward(self, x: tx.Tensor) -> tx.Tensor:
        x = F.relu(self.norm1(self.conv1(x)))  # (batch, 32, 8, 8)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)  # (batch, 64, 4, 4)
        x = self.dropout(F.relu(self.hidden(x.flatten(1))))
        return self.output(x)


def predict(model: nn.Module, images: tx.Tensor) -> tx.Tensor:
    """Probability of each digit, shape (images, 10)."""
    model.eval()
    with tx.no_grad():
        probabilities = model(images).softmax(1)
    model.train()
    return probabilities


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT", help="fail below this accuracy")
    options = parser.parse_args()

    tx.manual_seed(options.seed)
    images, labels = (x.to(options.device) for x in load_digits())
    order = tx.randperm(len(images)).to(options.device)
    held_out, rest = order[: len(images) // 5], order[len(images) // 5 :]
    batches = DataLoader(TensorDataset(images[rest], labels[rest]), batch_size=64, shuffle=True)

    model = DigitNet().to(options.device)
    optimizer = tx.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)
    losses, accuracies = [], []
    with tqdm(total=options.epochs * len(batches), desc="training", unit="step") as bar:
        for _ in range(options.epochs):
            for x, y in batches:
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                bar.update()
            schedule.step()
            right = predict(model, images[held_out]).argmax(1) == labels[held_out]
            accuracies.append(right.float().mean().item())
            bar.set_postfix(loss=f"{losses[-1]:.3f}", held_out=f"{accuracies[-1]:.1%}")

    probabilities = predict(model, images[held_out]).cpu().numpy()
    answers = labels[held_out].cpu().numpy()
    correct = int((probabilities.argmax(1) == answers).sum())
    accuracy = 100 * correct / len(answers)
    print(f"held-out accuracy: {accuracy:.2f}% ({correct} of {len(answers)})")
    names = [str(digit) for digit in range(10)]
    draw_training(options.out / "digits_loss.png", losses, accuracies, "Handwritten digits")
    pixels = images[held_out].squeeze(1).cpu().numpy()
    draw_predictions(options.out / "digits_predictions.png", pixels, probabilities, answers, names)
    if accuracy < options.at_least:
        print(f"that is less than {options.at_least}%", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
