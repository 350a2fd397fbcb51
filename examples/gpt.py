"""Train a small GPT to write like a text, character by character, and compare it with counting.

    python examples/gpt.py                      Python's own manual, under two minutes on one core
    python examples/gpt.py --text book.txt

The last tenth of the text is held out. Prints samples at three temperatures, and a table of the bits that each method needs
for a character of the held-out text. Writes out/gpt_loss.png.
"""

from __future__ import annotations

import argparse
import lzma
import math
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from pictures import save
from tensorx import nn

TEMPERATURES = (0.5, 0.8, 1.1)


def read_text(path: Path | None) -> str:
    """The file's text, or the help pages that come with every Python: 400,000 characters of English."""
    if path is not None:
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    paragraphs = "\n\n".join(topics.values()).split("\n\n")
    return "\n\n".join(dict.fromkeys(paragraphs))  # some pages quote others: each paragraph once


class Block(nn.Module):
    """Characters look at those before them, then each thinks for itself."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.project = nn.Linear(size, size)
        self.norm2 = nn.LayerNorm(size)
        self.expand = nn.Linear(size, 4 * size)
        self.contract = nn.Linear(4 * size, size)

    def forward(self, x: tx.Tensor) -> tx.Tensor:  # (batch, length, size)
        parts = self.query_key_value(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, heads, length, size / heads)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.project(attended.transpose(1, 2).flatten(2))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class GPT(nn.Module):
    """A decoder-only transformer. Radford et al. 2019, Language Models are Unsupervised Multitask Learners."""

    def __init__(self, characters: int, context: int, size: int, heads: int, layers: int) -> None:
        super().__init__()
        self.context = context
        self.characters = nn.Embedding(characters, size)
        self.positions = nn.Embedding(context, size)
        self.blocks = nn.Sequential(*(Block(size, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(size)
        for embedding in (self.characters, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, x: tx.Tensor) -> tx.Tensor:
        """Scores of the next character, (batch, length, characters), behind each of x, (batch, length)."""
        x = self.characters(x) + self.positions.weight[: x.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.characters.weight)  # the same table reads and writes

    @tx.no_grad()
    def write(self, start: tx.Tensor, length: int, temperatures: tx.Tensor) -> tx.Tensor:
        """`start`, (characters,), continued once for each temperature: (temperatures, characters + length)."""
        written = start.expand(len(temperatures), -1)
        for _ in range(length):
            scores = self(written[:, -self.context :])[:, -1]
            drawn = tx.multinomial((scores / temperatures[:, None]).softmax(1), 1)
            written = tx.cat([written, drawn], 1)
        return written


def windows(tokens: tx.Tensor, starts: tx.Tensor, length: int) -> tuple[tx.Tensor, tx.Tensor]:
    """Pieces of the text, (starts, length), and the same a character later."""
    pieces = tokens[starts[:, None] + tx.arange(length + 1, device=tokens.device)]
    return pieces[:, :-1], pieces[:, 1:]


@tx.no_grad()
def bits_per_character(model: GPT, tokens: tx.Tensor, batch: int) -> float:
    """Of windows that follow one another, without the first half of each, where the context is short."""
    half = model.context // 2
    total = count = 0.0
    for starts in tx.arange(0, len(tokens) - 2 * half, half, device=tokens.device).split(batch):
        x, y = windows(tokens, starts, 2 * half)
        scores = model(x)[:, half:]
        total += F.cross_entropy(scores.flatten(0, 1), y[:, half:].flatten(), reduction="sum").item()
        count += y.shape[0] * half
    return total / count / math.log(2)


def bits_by_counting(text: str, held_out: str, longest: int) -> list[float]:
    """Bits per character when the last 0, 1, ... `longest` characters are looked up in a table of what followed them.

    Where they were seldom seen, shorter pasts have a say. Witten and Bell 1991, doi:10.1109/18.87000, method C.
    """
    alphabet = len(set(text + held_out))
    probability = np.full(len(held_out) - longest, 1 / alphabet)
    bits = []
    for order in range(longest + 1):
        followed = Counter(text[i : i + order + 1] for i in range(len(text) - order))
        seen, kinds = Counter[str](), Counter[str]()
        for piece, times in followed.items():
            seen[piece[:-1]] += times
            kinds[piece[:-1]] += 1
        for k in range(len(probability)):
            piece = held_out[k + longest - order : k + longest + 1]
            past = piece[:-1]
            if seen[past]:
                probability[k] = (followed[piece] + kinds[past] * probability[k]) / (seen[past] + kinds[past])
        bits.append(-float(np.log2(probability).mean()))
    return bits


def draw_loss(path: Path, losses: list[float], levels: dict[str, float]) -> None:
    """Bits per character while training, and horizontal lines for the held-out text."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(np.arange(1, len(losses) + 1), np.array(losses) / math.log(2), linewidth=0.8, label="each batch")
    for k, (name, bits) in enumerate(levels.items()):
        axes.axhline(bits, color=f"C{k + 1}", linestyle="--", label=f"{name}, held-out: {bits:.2f}")
    axes.set(xlabel="step", ylabel="bits per character", title="A small GPT learns to write", xlim=(0, len(losses)))
    axes.grid(alpha=0.25)
    axes.legend()
    save(figure, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="a file to learn from, in UTF-8")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, default=64, help="characters that a prediction can look back on")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--write", type=int, default=300, help="characters to write at each temperature")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the picture")
    parser.add_argument("--at-most", type=float, default=math.inf, metavar="BITS", help="fail above this, held-out")
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    text = read_text(options.text)
    alphabet = sorted(set(text))
    number = {character: k for k, character in enumerate(alphabet)}
    tokens = tx.tensor([number[character] for character in text], device=options.device)
    learned = len(text) * 9 // 10
    if len(text) - learned <= options.context:
        parser.error(
            f"the text has {len(text)} characters; a context of {options.context} needs more than ten times that"
        )

    model = GPT(len(alphabet), options.context, options.size, options.size // 32, options.layers).to(options.device)
    print(
        f"{len(text):,} characters, {len(alphabet)} different; {sum(p.numel() for p in model.parameters()):,} parameters"
    )
    optimizer = tx.optim.AdamW(model.parameters(), weight_decay=0.1, betas=(0.9, 0.98))
    schedule = tx.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=options.steps, pct_start=0.1)
    losses = []
    begin = perf_counter()
    with tqdm(total=options.steps, desc="training", unit="step") as bar:
        for _ in range(options.steps):
            starts = tx.randint(learned - options.context, (options.batch,)).to(options.device)
            x, y = windows(tokens[:learned], starts, options.context)
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            bar.update()
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    rate = options.steps * options.batch * options.context / (perf_counter() - begin)
    print(f"trained on {rate:,.0f} characters per second; loss {losses[0]:.3f} -> {np.mean(losses[-20:]):.3f}")

    start = tokens[learned : learned + options.context]
    temperatures = tx.tensor(TEMPERATURES, device=options.device)
    for temperature, row in zip(TEMPERATURES, model.write(start, options.write, temperatures).tolist()):
        print(f"\n--- temperature {temperature}")
        print("".join(alphabet[k] for k in row[options.context :]))

    held_out = text[learned:]
    counting = bits_by_counting(text[:learned], held_out, longest=5)
    packed = len(lzma.compress(text.encode())) - len(lzma.compress(text[:learned].encode()))
    bits = bits_per_character(model, tokens[learned:], options.batch)
    print("\nmethod                        bits per held-out character")
    print(f"{'every character alike':<29} {math.log2(len(alphabet)):.3f}")
    for order, value in enumerate(counting):
        print(f"{f'counts, {order} characters back':<29} {value:.3f}")
    print(f"{'lzma, behind the rest':<29} {8 * packed / len(held_out):.3f}")
    print(f"{f'GPT, {options.context} characters back':<29} {bits:.3f}")
    draw_loss(options.out / "gpt_loss.png", losses, {"counts": min(counting), "GPT": bits})
    if bits > options.at_most:
        print(f"that is more than {options.at_most} bits", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
