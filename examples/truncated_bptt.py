"""Train an LSTM on long sequences a piece at a time: what it saves, and what it costs.

    python examples/truncated_bptt.py          under a minute on one core

Backpropagation through time keeps every step of a sequence until backward. Truncated (Williams and Peng 1990), the sequence
goes by in pieces: backward after each, and only the values of the state, `state.detach()`, go on to the next. The memory is
that of a piece, however long the sequence is; but a gradient reaches no further back than the piece does.

The task: of a stream of random bits, say which one was there LAG steps ago. Prints the most memory held for sequences of
several lengths, and how well the task was learned with pieces of several lengths. Writes out/truncated_bptt.png.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from memory import memory_now, peak_memory
from pictures import save
from tensorx import nn


class Echo(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, size)
        self.output = nn.Linear(size, 1)

    def forward(self, bits: tx.Tensor, state=None):  # (length, batch)
        h, state = self.lstm(2 * bits[..., None] - 1, state)
        return self.output(h).squeeze(2), state


def stream(length: int, piece: int, options: argparse.Namespace) -> Iterator[tuple[tx.Tensor, tx.Tensor]]:
    """Random bits, and those of LAG steps before, in pieces: (piece, batch). No more than one piece is held at a time."""
    past = tx.zeros(options.lag, options.batch, device=options.device)
    for start in range(0, length, piece):
        bits = tx.randint(2, (min(piece, length - start), options.batch)).float().to(options.device)
        both = tx.cat([past, bits])
        past = both[len(bits) :]
        yield bits, both[: len(bits)]


def train(model: Echo, optimizer: tx.optim.Optimizer, pieces: Iterable[tuple[tx.Tensor, tx.Tensor]]) -> float:
    """Learn from one stream. Returns the percentage of right answers."""
    state, right, asked = None, 0.0, 0
    for x, y in pieces:
        scores, state = model(x, state)
        loss = F.binary_cross_entropy_with_logits(scores, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state = tuple(part.detach() for part in state)  # the values go on, the graph ends here
        right += ((scores > 0) == (y > 0.5)).sum().item()
        asked += y.numel()
    return 100 * right / asked


def make(options: argparse.Namespace) -> tuple[Echo, tx.optim.Optimizer]:
    """A network and an optimizer, the same every time."""
    tx.manual_seed(options.seed)
    model = Echo(options.size).to(options.device)
    return model, tx.optim.Adam(model.parameters(), lr=1e-2)


def measure(options: argparse.Namespace, length: int, piece: int) -> tuple[int, float]:
    """The most bytes held beyond the model and its optimizer, and the seconds taken, while a stream of `length` steps goes by."""
    model, optimizer = make(options)
    train(model, optimizer, stream(1, 1, options))  # the optimizer's own tensors are made here
    gc.collect()  # what others left behind is not counted
    held = memory_now(options.device)
    peak_memory(options.device)
    begin = perf_counter()
    train(model, optimizer, stream(length, piece, options))
    return peak_memory(options.device) - held, perf_counter() - begin


def learn(options: argparse.Namespace, piece: int, bar: tqdm) -> list[float]:
    """Accuracy, in percent, on each of `options.streams` streams."""
    model, optimizer = make(options)
    found = []
    for _ in range(options.streams):
        found.append(train(model, optimizer, stream(options.length, piece, options)))
        bar.update()
    return found


def draw(
    path: Path, lengths: list[int], memory: dict[str, list[int]], learned: dict[int, list[float]], lag: int
) -> None:
    """Left: memory by length of the sequence. Right: accuracy by length of the piece."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for name, most in memory.items():
        left.plot(lengths, [bytes / 2**20 for bytes in most], "o-", label=name)
    left.set(xscale="log", yscale="log", xlabel="length of the sequence", ylabel="most memory held, MiB")
    left.set_title("Memory")
    for piece, accuracy in learned.items():
        right.plot(range(1, len(accuracy) + 1), accuracy, label=f"pieces of {piece}")
    right.set(
        xlabel="streams seen", ylabel="right answers, %", ylim=(45, 101), title=f"Which bit was there {lag} steps ago?"
    )
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend()
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 256, 1024, 4096], help="to measure memory with")
    parser.add_argument("--piece", type=int, default=32, help="to measure memory with")
    parser.add_argument("--pieces", type=int, nargs="+", default=[4, 8, 16, 64], help="to learn with")
    parser.add_argument("--lag", type=int, default=8, help="steps that the network has to remember a bit for")
    parser.add_argument("--streams", type=int, default=30, help="to learn from")
    parser.add_argument("--length", type=int, default=512, help="of a stream to learn from")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument("--constant", action="store_true", help="fail if the memory grows with the length")
    options = parser.parse_args(arguments)

    whole, pieces = [], []
    print(
        f"most memory held, in MiB, and time per step\n{'length':>6} {'whole':>16} {f'pieces of {options.piece}':>22}"
    )
    for length in options.lengths:
        whole.append(measure(options, length, length))
        pieces.append(measure(options, length, options.piece))
        cells = (f"{memory / 2**20:>9.2f} {1e6 * time / length:>6.0f} us" for memory, time in (whole[-1], pieces[-1]))
        print(f"{length:>6} {'   '.join(cells)}")

    learned = {}
    with tqdm(total=len(options.pieces) * options.streams, unit="stream") as bar:
        for piece in options.pieces:
            bar.set_description(f"pieces of {piece}")
            learned[piece] = learn(options, piece, bar)
    print(f"\nlength of the pieces   right answers at the end, lag {options.lag}")
    for piece, accuracy in learned.items():
        print(f"{piece:>20} {sum(accuracy[-3:]) / len(accuracy[-3:]):>16.1f}%")
    memory = {"whole": [most for most, _ in whole], f"pieces of {options.piece}": [most for most, _ in pieces]}
    draw(options.out / "truncated_bptt.png", options.lengths, memory, learned, options.lag)

    grown = pieces[-1][0] - pieces[0][0]
    if options.constant and grown > 1024:
        print(f"with pieces, the memory grew by {grown} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
