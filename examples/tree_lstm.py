"""Learn to evaluate nested expressions such as [MAX 2 9 [MIN 4 7] 0] with a network that has each expression's own shape.

    python examples/tree_lstm.py          under two minutes on one core

A Tree-LSTM calls itself for every sub-expression: the graph is what ran, so nothing has to be declared, padded or batched.
It learns from expressions of up to 4 levels and is asked about deeper ones as well. Beside it a network that sees the same
tokens in a bag, without their order. Prints a table by depth; writes out/tree_lstm.dot, the graph of one expression.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low

from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from tensorx import nn

OPERATORS: dict[str, Callable[[list[int]], int]] = {
    "MIN": min,
    "MAX": max,
    "MED": median_low,
    "GAP": lambda values: max(values) - min(values),
}
NAMES = list(OPERATORS)

Tree = int | tuple[str, list["Tree"]]  # a digit, or an operator and what it is applied to


def make_tree(depth: int, dice: random.Random) -> Tree:
    """An expression of exactly `depth` levels of operators; 2 to 4 operands each. After Nangia and Bowman 2018."""
    if depth == 0:
        return dice.randrange(10)
    depths = [depth - 1] + [dice.choice([0, 0, dice.randrange(depth)]) for _ in range(dice.randint(1, 3))]
    dice.shuffle(depths)
    return dice.choice(NAMES), [make_tree(d, dice) for d in depths]


def evaluate(tree: Tree) -> int:
    if isinstance(tree, int):
        return tree
    operator, operands = tree
    return OPERATORS[operator]([evaluate(operand) for operand in operands])


def spell(tree: Tree) -> str:
    return str(tree) if isinstance(tree, int) else f"[{tree[0]} {' '.join(spell(operand) for operand in tree[1])}]"


def count_tokens(tree: Tree) -> list[int]:
    """How often each digit and each operator occurs: (14,)."""
    words = spell(tree).replace("[", "").replace("]", "").split()
    return [words.count(word) for word in [*map(str, range(10)), *NAMES]]


class TreeLSTM(nn.Module):
    """A child-sum Tree-LSTM. Tai et al. 2015, arXiv:1503.00075. Gives the scores of the ten digits."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.digits = nn.Embedding(10, 2 * size)
        self.operators = nn.Embedding(len(NAMES), size)
        self.gates = nn.Linear(2 * size, 3 * size)
        self.forget = nn.Linear(2 * size, size)
        self.output = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, 10))

    def forward(self, trees: Sequence[Tree]) -> tx.Tensor:  # (trees, 10)
        leaves = list(zip(*(part.unbind() for part in self.digits.weight.chunk(2, 1))))
        operators = dict(zip(NAMES, self.operators.weight.unbind()))
        return self.output(tx.stack([self.state(tree, leaves, operators)[0] for tree in trees]))

    def state(self, tree: Tree, leaves: list, operators: dict[str, tx.Tensor]) -> tuple[tx.Tensor, tx.Tensor]:
        """What is remembered of an expression: h and c, (size,) each."""
        if isinstance(tree, int):
            return leaves[tree]
        operator = operators[tree[0]]
        states = [self.state(operand, leaves, operators) for operand in tree[1]]
        h = tx.stack([h for h, _ in states])  # (operands, size)
        c = tx.stack([c for _, c in states])
        i, o, u = self.gates(tx.cat([operator, h.sum(0)])).chunk(3)
        keep = self.forget(tx.cat([operator.expand_as(h), h], 1)).sigmoid()
        c = i.sigmoid() * u.tanh() + (keep * c).sum(0)
        return o.sigmoid() * c.tanh(), c


class Bag(nn.Module):
    """Sees how often each token occurs."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10 + len(NAMES), size), nn.ReLU(), nn.Linear(size, size), nn.ReLU())
        self.output = nn.Linear(size, 10)

    def forward(self, trees: Sequence[Tree]) -> tx.Tensor:
        counts = tx.tensor([count_tokens(tree) for tree in trees], dtype=tx.float32, device=self.output.weight.device)
        return self.output(self.layers(counts))


def train(model: nn.Module, name: str, steps: int, batch: int, depth: int, lr: float, seed: int) -> None:
    """On new expressions at every step, of 1 to `depth` levels."""
    dice = random.Random(seed)
    optimizer = tx.optim.Adam(model.parameters(), lr=lr)
    schedule = tx.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=0.1)
    device = next(model.parameters()).device
    average = 0.0
    with tqdm(total=steps, desc=f"training {name}", unit="step") as bar:
        for step in range(steps):
            trees = [make_tree(dice.randint(1, depth), dice) for _ in range(batch)]
            answers = tx.tensor([evaluate(tree) for tree in trees], device=device)
            loss = F.cross_entropy(model(trees), answers)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average += (loss.item() - average) / min(step + 1, 50)
            bar.update()
            bar.set_postfix(loss=f"{average:.3f}", refresh=False)


@tx.no_grad()
def accuracy(model: nn.Module, trees: Sequence[Tree]) -> float:
    """Percent of expressions that the model evaluates rightly."""
    guesses = model(trees).argmax(1).tolist()
    return 100 * sum(guess == evaluate(tree) for guess, tree in zip(guesses, trees)) / len(trees)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--depth", type=int, default=4, help="levels that the networks learn from")
    parser.add_argument("--asked", type=int, default=300, help="expressions of each depth in the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the graph")
    parser.add_argument("--at-least", type=float, default=0, metavar="PERCENT", help="fail below this, for depth 1")
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    tree_lstm = TreeLSTM(options.size).to(options.device)
    bag = Bag(2 * options.size).to(options.device)
    train(tree_lstm, "Tree-LSTM", options.steps, options.batch, options.depth, 4e-3, options.seed)
    train(bag, "bag of tokens", options.steps, options.batch, options.depth, 4e-3, options.seed)

    dice = random.Random(options.seed + 1)
    print("\ndepth   operators   Tree-LSTM   bag of tokens   most frequent answer")
    found = []
    for depth in range(1, options.depth + 3):
        trees = [make_tree(depth, dice) for _ in range(options.asked)]
        answers = [evaluate(tree) for tree in trees]
        operators = sum(spell(tree).count("[") for tree in trees) / len(trees)
        most = 100 * max(answers.count(digit) for digit in range(10)) / len(trees)
        found.append(accuracy(tree_lstm, trees))
        note = "   deeper than any learned from" if depth > options.depth else ""
        print(f"{depth:>5} {operators:>11.1f} {found[-1]:>10.1f}% {accuracy(bag, trees):>14.1f}% {most:>21.1f}%{note}")

    tree = make_tree(2, dice)
    scores = tree_lstm([tree])
    path = options.out / "tree_lstm.dot"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tx.autograd.graph.to_dot(scores, tree_lstm))
    print(f"\n{spell(tree)} is {evaluate(tree)}, the Tree-LSTM says {scores.argmax().item()}")
    print(f"graph of that, {tx.describe(scores).graph}: {path}")
    if found[0] < options.at_least:
        print(f"depth 1: {found[0]:.1f}% is less than {options.at_least}%", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
