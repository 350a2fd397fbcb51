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


NETWORKS: list[tuple[str, Callable[[Library], dict[str, Any]]]] = [
    ("MLP 2-8-1", tiny),
    ("MLP 784-256-10", images),
    ("MLP 8 x 128", deep),
    ("LeNet 28x28", lenet),
    ("LSTM 64, 32 steps", partial(recurrent, name="LSTM")),
    ("GRU 64, 32 steps", partial(recurrent, name="GRU")),
    ("encoder layer 64", transformer),
]


def cases() -> Iterator[Case]:
    for name, setup in NETWORKS:
        yield Case(name, "step()", setup, result="_, parameters", tolerance=1e-3)
