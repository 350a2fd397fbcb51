"""Make a trained network compute with integers of eight bits, and lose nothing.

    python examples/quantization.py

The network of digits.py is trained in float32; then it is quantized in three ways: its linear layers alone, without any
data; all of it, after looking at some images; and by a few epochs of training that see the rounding. The table has the
accuracy on the held-out fifth of the images, the size of the weights, and the time of one batch.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import DigitNet, load_digits
from tensorx import nn
from tensorx.ao import quantization as q
from tensorx.utils.data import DataLoader, TensorDataset

FUSED = [["conv1", "norm1", "relu1"], ["conv2", "norm2", "relu2"], ["hidden", "relu3"]]


class QuantizableDigitNet(DigitNet):
    """DigitNet with what quantization needs to see: where it begins and ends, and each ReLU as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = q.QuantStub(), q.DeQuantStub()
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x: tx.Tensor) -> tx.Tensor:
        x = self.relu1(self.norm1(self.conv1(self.quant(x))))
        x = F.max_pool2d(self.relu2(self.norm2(self.conv2(x))), 2)
        x = self.dropout(self.relu3(self.hidden(x.flatten(1))))
        return self.dequant(self.output(x))


def train(model: nn.Module, batches: Iterable, epochs: int, lr: float, name: str) -> None:
    optimizer = tx.optim.AdamW(model.parameters(), lr=lr)
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    model.train()
    for _ in tqdm(range(epochs), desc=name, unit="epoch"):
        for x, y in batches:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    model.eval()


def right(model: nn.Module, images: tx.Tensor, labels: tx.Tensor) -> int:
    with tx.no_grad():
        return int((model(images).argmax(1) == labels).sum().item())


def milliseconds(models: list[nn.Module], images: tx.Tensor, rounds: int = 30) -> list[float]:
    """The least time of a call of each model; they take turns, so that what else the machine does concerns all."""
    best = [float("inf")] * len(models)
    with tx.no_grad():
        for _ in range(rounds):
            for i, model in enumerate(models):
                begin = time.perf_counter()
                model(images).cpu()
                best[i] = min(best[i], time.perf_counter() - begin)
    return [1000 * seconds for seconds in best]


def kilobytes(model: nn.Module) -> float:
    file = io.BytesIO()
    tx.save(model.state_dict(), file)
    return len(file.getvalue()) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=15, help="of training in float32")
    parser.add_argument("--fine-tuning", type=int, default=3, help="epochs of training with fake quantization")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument(
        "--lose-at-most", type=float, default=0.5, metavar="POINTS", help="fail if a network loses more"
    )
    options = parser.parse_args()

    tx.manual_seed(options.seed)
    images, labels = (x.to(options.device) for x in load_digits())
    order = tx.randperm(len(images)).to(options.device)
    held_out, rest = order[: len(images) // 5], order[len(images) // 5 :]
    batches = DataLoader(TensorDataset(images[rest], labels[rest]), batch_size=64, shuffle=True)

    model = QuantizableDigitNet().to(options.device)
    train(model, batches, options.epochs, 2e-3, "training in float32")

    dynamic = q.quantize_dynamic(model)

    fused = q.fuse_modules(model, FUSED)
    fused.qconfig = q.get_default_qconfig("onednn")
    observed = q.prepare(fused)
    with tx.no_grad():
        observed(images[rest[:512]])
    afterwards = q.convert(observed)

    learner = q.fuse_modules_qat(model.train(), FUSED)
    learner.qconfig = q.get_default_qat_qconfig("onednn")
    learner = q.prepare_qat(learner)
    train(learner, batches, options.fine_tuning, 2e-4, "training with rounding")
    learner.apply(q.disable_observer)
    trained = q.convert(learner)
    model.eval()

    rows = {
        "float32": model,
        "int8 linear layers (dynamic)": dynamic,
        "int8, after training": afterwards,
        "int8, simulated in training": learner,
        "int8, after that training": trained,
    }
    times = milliseconds([*rows.values()], images[held_out][:256])
    correct = {name: right(network, images[held_out], labels[held_out]) for name, network in rows.items()}
    print(f"\n{'':30}{'accuracy':>10}{'weights':>11}{'256 images':>13}{'speed':>8}")
    for (name, network), took in zip(rows.items(), times, strict=True):
        accuracy, size = 100 * correct[name] / len(held_out), kilobytes(network)
        print(f"{name:30}{accuracy:8.2f} %{size:8.0f} KB{took:10.2f} ms{times[0] / took:8.2f}")
    lost = 100 * (correct["float32"] - min(correct.values())) / len(held_out)
    if lost > options.lose_at_most:
        print(f"a network lost {lost:.2f} points of accuracy", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
