"""Every layer in other dtypes, with channels_last inputs, and on CUDA; and that there is a test of every layer."""

import inspect
import pathlib
import re

import pytest

import tensorx as tx
from layer_cases import ACTIVATIONS, LAYERS, LOSSES
from nn_parity import assert_close, build, draw, to_tx, torch

WITHOUT_HALF = {"FractionalMaxPool2d", "FractionalMaxPool3d"}  # another place is drawn from rounded samples

PUBLIC = sorted(name for name, value in vars(torch.nn).items() if inspect.isclass(value) and not name.startswith("_"))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_class_is_there_and_tested(name):
    assert inspect.isclass(getattr(tx.nn, name))
    if any(name == row[0] for row in [*LAYERS, *ACTIVATIONS, *LOSSES]):
        return
    tests = [
        path for path in pathlib.Path(__file__).parent.glob("test_*.py") if path.name != pathlib.Path(__file__).name
    ]
    mentioned = rf"\b{name}\b|\b{name[:-2]}{{spatial}}d\b"
    assert any(re.search(mentioned, path.read_text()) for path in tests), f"there is no test of nn.{name}"


HIDDEN = {"NLLLoss2d", "RNN", "GRU", "LSTM"}  # PyTorch's take *args, **kwargs


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - HIDDEN))
def test_signatures(name):
    """The same parameters in the same order, with the same defaults."""

    def parameters(cls):
        found = inspect.signature(cls).parameters.values()
        return [
            (p.name, getattr(p.default, "__name__", p.default), p.kind)
            for p in found
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]

    assert parameters(getattr(tx.nn, name)) == parameters(getattr(torch.nn, name))


@pytest.mark.parametrize("dtype, tolerance", [(tx.float16, 2e-2), (tx.bfloat16, 1e-1)], ids=str)
@pytest.mark.parametrize("name, args, kwargs, shapes", [row for row in LAYERS if row[0] not in WITHOUT_HALF])
def test_half(name, args, kwargs, shapes, dtype, tolerance):
    """What float64 gives for the same rounded parameters and inputs, to about the precision of the half type."""
    layer, _ = build(name, args, kwargs)
    inputs = [to_tx(draw(*shape, grad=False)).to(dtype) for shape in shapes]
    layer.to(dtype)
    result = layer(*inputs)
    assert result.dtype == dtype
    expected = layer.double()(*[x.double() for x in inputs])
    assert_close(result.detach().double(), expected, tolerance)


IMAGES = [row for row in LAYERS if len(row[3]) == 1 and len(row[3][0]) == 4 and "3d" not in row[0]]


@pytest.mark.parametrize("name, args, kwargs, shapes", IMAGES)
def test_channels_last(name, args, kwargs, shapes):
    layer, reference = build(name, args, kwargs)
    x = draw(*shapes[0], grad=False).contiguous(memory_format=torch.channels_last)
    mine = to_tx(draw(*shapes[0], grad=False)).contiguous(memory_format=tx.channels_last)
    expected, result = reference(x), layer(mine)
    assert_close(result, expected, 1e-10)
    if expected.dim() == 4 and expected.is_contiguous(memory_format=torch.channels_last):
        assert result.is_contiguous(memory_format=tx.channels_last)  # and for some layers where PyTorch's is not


@pytest.mark.parametrize("name, args, kwargs, shapes", LAYERS)
def test_cuda(name, args, kwargs, shapes):
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    results = []
    for device in ("cpu", "cuda"):
        layer = build(name, args, kwargs)[0].to(device)
        inputs = [to_tx(draw(*shape, grad=False)).to(device).requires_grad_() for shape in shapes]
        out = layer(*inputs)
        assert out.device.type == device
        out.square().sum().backward()
        leaves = [*inputs, *layer.parameters()]
        results.append([out.detach(), *[leaf.grad for leaf in leaves if leaf.grad is not None], *layer.buffers()])
    assert len(results[0]) == len(results[1])
    for ours, theirs in zip(*results, strict=True):
        assert_close(theirs.cpu(), ours, 1e-9)
