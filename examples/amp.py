"""Train the network of digits.py in float32 and in mixed precision, and compare accuracy, time and memory.

    python examples/amp.py                  on the CPU, under 2 minutes
    python examples/amp.py --device cuda

Each training starts from the same weights and sees the same batches. float16 has a GradScaler; the scale that it found, and
the steps that it skipped, are in the table.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from time import perf_counter

from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import DigitNet, load_digits, predict
from memory import peak_memory
from tensorx.utils.data import DataLoader, TensorDataset

PRECISIONS = {"float32": None, "bfloat16": tx.bfloat16, "float16": tx.float16}


@dataclass
class Result:
    accuracy: float  # percent of the held-out images
    step: float  # seconds
    memory: int  # bytes that tensors held at the most
    scale: float  # of the losses, at the end
    skipped: int  # steps


def train(dtype: tx.dtype | None, images: tx.Tensor, labels: tx.Tensor, epochs: int, seed: int, bar: tqdm) -> Result:
    """Train with the matrix products and convolutions in `dtype`; None: without autocast."""
    device = images.device.type
    tx.manual_seed(seed)
    order = tx.randperm(len(images)).to(device)
    held_out, rest = order[: len(images) // 5], order[len(images) // 5 :]
    batches = DataLoader(TensorDataset(images[rest], labels[rest]), batch_size=64, shuffle=True)
    model = DigitNet().to(device)
    optimizer = tx.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    scaler = tx.amp.GradScaler(device, growth_interval=100, enabled=dtype is tx.float16)
    autocast = tx.autocast(device, dtype=dtype, enabled=dtype is not None)

    peak_memory(device)
    skipped, begin = 0, perf_counter()
    for _ in range(epochs):
        for x, y in batches:
            with autocast:
                loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            before = scaler.get_scale()
            scaler.update()
            skipped += scaler.get_scale() < before
            bar.update()
        schedule.step()
    if device == "cuda":
        tx.cuda.synchronize()
    time = (perf_counter() - begin) / (epochs * len(batches))
    memory = peak_memory(device)
    with autocast:
        right = predict(model, images[held_out]).argmax(1) == labels[held_out]
    return Result(100 * right.float().mean().item(), time, memory, scaler.get_scale(), skipped)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument(
        "--within", type=float, default=100, metavar="POINTS", help="fail if further from float32 than that"
    )
    options = parser.parse_args()

    images, labels = (x.to(options.device) for x in load_digits())
    results = {}
    steps = options.epochs * -(-(len(images) - len(images) // 5) // 64)
    with tqdm(total=steps * len(PRECISIONS), unit="step") as bar:
        for name, dtype in PRECISIONS.items():
            bar.set_description(name)
            results[name] = train(dtype, images, labels, options.epochs, options.seed, bar)

    print("precision   accuracy   time per step   peak memory   loss scale   skipped")
    for name, result in results.items():
        print(
            f"{name:<9} {result.accuracy:>9.2f}% {1e3 * result.step:>12.1f} ms {result.memory / 2**20:>9.1f} MiB"
            f"{result.scale:>13g} {result.skipped:>9}"
        )
    furthest = max(abs(result.accuracy - results["float32"].accuracy) for result in results.values())
    if furthest > options.within:
        print(f"that is {furthest:.2f} points from float32, more than {options.within}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
