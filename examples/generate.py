"""Draw digits that nobody wrote: a variational autoencoder and a generative adversarial network learn from 1,797 real ones.

    python examples/generate.py

Both have two losses that meet in one graph, and each needs another way to keep them apart.

The autoencoder (Kingma and Welling 2013, arXiv:1312.6114) has to reproduce an image from a code of eight numbers, and to keep
the codes close to a normal distribution. To see how hard each loss pulls at the encoder, each has its own backward; the first
one retains the graph, because the second goes through the encoder again.

The adversarial pair (Goodfellow et al. 2014, arXiv:1406.2661) is a generator and a critic that tells its images from real
ones. The critic learns from detached images, which ends its backward at them; the generator learns from the same images,
attached, through a critic that does not change meanwhile.

Writes out/generate_samples.png, and out/generate_codes.png: ways from one digit to another through the autoencoder's codes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import tensorx as tx
import tensorx.nn.functional as F
from digits import load_digits
from pictures import save
from tensorx import nn
from tensorx.utils.data import DataLoader, TensorDataset

PIXELS, CODE, NOISE = 64, 8, 24
PAIRS = [(0, 1), (2, 3), (4, 9), (5, 6), (7, 8)]  # digits to go between


class Autoencoder(nn.Module):
    """Images (n, 64) to codes (n, 8), of which it says mean and logarithm of the variance, and back to logits (n, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 256), nn.SiLU(), nn.Linear(256, 2 * CODE))
        self.decoder = nn.Sequential(nn.Linear(CODE, 256), nn.SiLU(), nn.Linear(256, PIXELS))

    def forward(self, images: tx.Tensor) -> tuple[tx.Tensor, tx.Tensor, tx.Tensor]:
        mean, log_variance = self.encoder(images).chunk(2, -1)
        noise = tx.randn_like(mean)  # the code is drawn so that the gradient goes through it to both
        return self.decoder(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    def draw(self, codes: tx.Tensor) -> tx.Tensor:
        return self.decoder(codes).sigmoid()


def generator() -> nn.Sequential:
    """Noise (n, 24) to images (n, 64)."""
    return nn.Sequential(
        nn.Linear(NOISE, 256),
        nn.LayerNorm(256),
        nn.SiLU(),
        nn.Linear(256, 256),
        nn.SiLU(),
        nn.Linear(256, PIXELS),
        nn.Sigmoid(),
    )


def critic() -> nn.Sequential:
    """Images (n, 64) to logits (n, 1): real, or not."""
    return nn.Sequential(
        nn.Linear(PIXELS, 256),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 1),
    )


def gradient_norm(model: nn.Module) -> float:
    gradients = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    return tx.stack(gradients).norm().item()


def train_autoencoder(model: Autoencoder, batches: DataLoader, epochs: int) -> list[tuple[float, float]]:
    """Returns, for each step, the reconstruction error and the divergence of the codes, in nats an image."""
    optimizer = tx.optim.Adam(model.parameters(), lr=2e-3)
    schedule = tx.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    losses = []
    with tqdm(total=epochs * len(batches), desc="autoencoder", unit="step") as bar:
        for _ in range(epochs):
            for (images,) in batches:
                logits, mean, log_variance = model(images)
                reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)
                divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / len(images)
                optimizer.zero_grad()
                divergence.backward(retain_graph=True)  # the encoder's part of the graph is needed once more
                pull = gradient_norm(model.encoder)
                reconstruction.backward()  # adds to the gradients, and frees the graph
                both = gradient_norm(model.encoder)
                optimizer.step()
                losses.append((reconstruction.item(), divergence.item()))
                bar.update()
            schedule.step()
            bar.set_postfix(
                reconstruction=f"{losses[-1][0]:.2f}",
                divergence=f"{losses[-1][1]:.2f}",
                pull=f"{pull:.1f} of {both:.1f}",
            )
    return losses


def train_adversaries(
    generate: nn.Module, judge: nn.Module, batches: DataLoader, epochs: int, device: str
) -> list[tuple[float, float]]:
    """Returns, for each step, the critic's mean probability that real images are real, and that made ones are."""
    optimizers = [tx.optim.Adam(model.parameters(), lr=5e-4, betas=(0.5, 0.99)) for model in (generate, judge)]
    beliefs = []
    with tqdm(total=epochs * len(batches), desc="adversaries", unit="step") as bar:
        for _ in range(epochs):
            for (images,) in batches:
                made = generate(tx.randn(len(images), NOISE).to(device))
                real, fake = judge(images), judge(made.detach())
                judge_loss = F.binary_cross_entropy_with_logits(real, tx.full_like(real, 0.9))  # 0.9: never too sure
                judge_loss = judge_loss + F.binary_cross_entropy_with_logits(fake, tx.zeros_like(fake))
                optimizers[1].zero_grad()
                judge_loss.backward()  # ends at the detached images: the generator has no gradient of it
                optimizers[1].step()

                judge.requires_grad_(False)  # its weights are constants here, and get no gradient
                verdict = judge(made)
                F.binary_cross_entropy_with_logits(verdict, tx.ones_like(verdict)).backward()
                judge.requires_grad_()
                optimizers[0].step()
                optimizers[0].zero_grad()
                beliefs.append((real.sigmoid().mean().item(), fake.sigmoid().mean().item()))
                bar.update()
            bar.set_postfix(real=f"{beliefs[-1][0]:.2f}", made=f"{beliefs[-1][1]:.2f}")
    return beliefs


def show(axes: plt.Axes, images: tx.Tensor, rows: int, columns: int, title: str) -> None:
    """Images (rows * columns, 64) as one picture."""
    tiles = images.detach().cpu().numpy().reshape(rows, columns, 8, 8)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)))
    axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(rows * 10, columns * 10), cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--epochs", type=int, default=40, help="of the autoencoder; the adversaries take four times as many"
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
    parser.add_argument("--at-most", type=float, default=np.inf, metavar="NATS", help="fail if an image costs more")
    options = parser.parse_args(arguments)

    tx.manual_seed(options.seed)
    images, labels = load_digits()
    images, labels = images.flatten(1).to(options.device), labels.to(options.device)
    batches = DataLoader(TensorDataset(images), batch_size=options.batch, shuffle=True)
    model = Autoencoder().to(options.device)
    losses = train_autoencoder(model, batches, options.epochs)
    generate, judge = generator().to(options.device), critic().to(options.device)
    beliefs = train_adversaries(generate, judge, batches, 4 * options.epochs, options.device)

    cost = float(np.mean([sum(step) for step in losses[-len(batches) :]]))
    believed = np.mean(beliefs[-len(batches) :], 0)
    print(f"\nautoencoder: an image costs {cost:.2f} nats (bound on -log p, of the training images)")
    print(f"critic: {believed[0]:.0%} sure that real images are real, {believed[1]:.0%} that made ones are")

    with tx.no_grad():
        figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
        show(axes[0], images[tx.randperm(len(images))[:64].to(options.device)], 8, 8, "real")
        show(axes[1], model.draw(tx.randn(64, CODE).to(options.device)), 8, 8, "autoencoder")
        show(axes[2], generate(tx.randn(64, NOISE).to(options.device)), 8, 8, "adversarial network")
        save(figure, options.out / "generate_samples.png")

        steps = tx.linspace(0, 1, 12, device=options.device)[:, None]
        rows = []
        for pair in PAIRS:
            ends = tx.cat([images[labels == digit][:1] for digit in pair])
            begin, end = model(ends)[1]
            rows.append(model.draw(begin + steps * (end - begin)))
        figure, one = plt.subplots(figsize=(8, 3.6), layout="constrained")
        show(one, tx.cat(rows), len(PAIRS), len(steps), "from one digit to another, in a straight line between codes")
        save(figure, options.out / "generate_codes.png")
    if cost > options.at_most:
        print(f"that is more than {options.at_most}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
