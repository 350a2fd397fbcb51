"""train: whole training steps (zero_grad, forward, loss, backward, optimiser step) of networks of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from case import Case
from library import Library

LEARNING_RATE = 1e-4  # so small that thousands of steps on one batch leave the weights ordinary numbers


def training(
    library: Library, model: Any, loss: Any, optimiser: str, inputs: Any, targets: Any, net: Any = None
) -> dict[str, Any]:
    """net: what has the parameters, where `model` is a function of it."""
    parameters = list((net or model).parameters())
    steps = getattr(library.t.optim, optimiser)(parameters, lr=LEARNING_RATE)

    def step() -> Any:
        steps.zero_grad()
        error = loss(model(inputs), targets)
        error.backward()
        steps.step()
        return error

    return {"step": step, "parameters": parameters}


def tiny(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    model = library.fill(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)), 0.5)
    return training(library, model, nn.MSELoss(), "SGD", library.normal(4, 2), library.normal(4, 1))


def images(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    model = library.fill(nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)))
    inputs, targets = library.normal(64, 784), library.integers(10, 64)
    return training(library, model, nn.CrossEntropyLoss(), "Adam", inputs, targets)


def deep(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    layers = [layer for _ in range(8) for layer in (nn.Linear(128, 128), nn.ReLU())]
    model = library.fill(nn.Sequential(*layers))
    inputs, targets = library.normal(64, 128), library.normal(64, 128)
    return training(library, model, nn.MSELoss(), "SGD", inputs, targets)


def lenet(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    inputs, targets = library.normal(64, 1, 28, 28), library.integers(10, 64)
    return training(library, library.fill(model), nn.CrossEntropyLoss(), "Adam", inputs, targets)


def recurrent(library: Library, name: str) -> dict[str, Any]:
    model = library.fill(getattr(library.t.nn, name)(64, 64))
    inputs, targets = library.normal(32, 16, 64), library.normal(32, 16, 64)
    return training(library, lambda x: model(x)[0], library.t.nn.MSELoss(), "Adam", inputs, targets, model)


def transformer(library: Library) -> dict[str, Any]:
    nn = library.t.nn
    model = library.fill(nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True))
    inputs, targets = library.normal(8, 64, 64), library.normal(8, 64, 64)
    return training(library, model, nn.MSELoss(), "Adam", inputs, targets)


def resnet(library: Library) -> dict[str, Any]:
    """The network for CIFAR of He et al. (2015), section 4.2, with one block of two convolutions at each of three sizes."""
    nn, F = library.t.nn, library.t.nn.functional
    Module: Any = nn.Module

    class Block(Module):
        def __init__(self, channels: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(out)
            self.skip = nn.Identity()
            if channels != out:
                self.skip = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x: Any) -> Any:
            inner = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(inner)) + self.skip(x))

    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2)]
    model = library.fill(nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), 0.2)
    inputs, targets = library.normal(16, 3, 32, 32), library.integers(10, 16)
    return training(library, model, nn.CrossEntropyLoss(), "SGD", inputs, targets)


def gpt(library: Library, layers: int) -> dict[str, Any]:
    """A decoder of the shape of GPT-2 (norms first, GELU), small: 128 wide, 4 heads, 96 characters, 64 of them in a row."""
    nn, F, arange = library.t.nn, library.t.nn.functional, library.t.arange
    Module: Any = nn.Module
    size, heads, characters, length = 128, 4, 96, 64

    class Block(Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
            self.query_key_value, self.project = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.expand, self.contract = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

        def forward(self, x: Any) -> Any:
            parts = self.query_key_value(self.norm1(x)).chunk(3, -1)
            query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in parts)
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.project(attended.transpose(1, 2).flatten(2))
            return x + self.contract(F.gelu(self.expand(self.norm2(x))))

    class GPT(Module):
        def __init__(self) -> None:
            super().__init__()
            self.characters, self.positions = nn.Embedding(characters, size), nn.Embedding(length, size)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, characters, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.characters(tokens) + self.positions(arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    tokens = library.integers(characters, 16, length + 1)
    inputs, targets = tokens[:, :-1], tokens[:, 1:].flatten()
    return training(library, library.fill(GPT()), nn.CrossEntropyLoss(), "AdamW", inputs, targets)


NETWORKS: list[tuple[str, Callable[[Library], dict[str, Any]]]] = [
    ("MLP 2-8-1", tiny),
    ("MLP 784-256-10", images),
    ("MLP 8 x 128", deep),
    ("LeNet 28x28", lenet),
    ("LSTM 64, 32 steps", partial(recurrent, name="LSTM")),
    ("GRU 64, 32 steps", partial(recurrent, name="GRU")),
    ("encoder layer 64", transformer),
    ("ResNet-8 32x32", resnet),
    ("GPT 128, 2 layers", partial(gpt, layers=2)),
    ("GPT 128, 4 layers", partial(gpt, layers=4)),
]


def cases() -> Iterator[Case]:
    for name, setup in NETWORKS:
        yield Case(name, "step()", setup, result="_, parameters", tolerance=1e-3)
