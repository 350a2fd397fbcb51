"""Row 36, negative log likelihood and cross entropy: fused, stable, and with every option."""

import numpy as np
import pytest
from memory_use import peak

import tensorx as tx

F = tx.nn.functional
CLASSES = 5


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.fixture
def logits():
    return np.random.default_rng(0).standard_normal((6, CLASSES))


TARGET = np.array([0, 3, -100, 2, 4, 0])
WEIGHT = np.array([1.0, 0.5, 2.0, 0.25, 4.0])


def expected(logits, target, weight, label_smoothing, reduction):
    """The formula, sample by sample."""
    log_p, losses, factors = log_softmax(logits), [], []
    for row, k in zip(log_p, target, strict=True):
        if k == -100:
            losses.append(0.0)
            factors.append(0.0)
            continue
        smooth = -(weight * row).sum() / CLASSES
        losses.append((1 - label_smoothing) * -weight[k] * row[k] + label_smoothing * smooth)
        factors.append(weight[k])
    losses = np.array(losses)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / np.sum(factors)}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes_as_targets(logits, reduction, label_smoothing, weighted, device):
    weight = WEIGHT if weighted else np.ones(CLASSES)
    x, target = tx.tensor(logits, device=device).requires_grad_(), tx.tensor(TARGET, device=device)
    options = {"weight": tx.tensor(weight, device=device) if weighted else None, "reduction": reduction}
    loss = F.cross_entropy(x, target, label_smoothing=label_smoothing, **options)
    wanted = expected(logits, TARGET, weight, label_smoothing, reduction)
    np.testing.assert_allclose(loss.detach().cpu().numpy(), wanted, 1e-12)
    if not label_smoothing:
        likelihood = F.nll_loss(F.log_softmax(x, 1), target, **options)
        np.testing.assert_allclose(likelihood.detach().cpu().numpy(), wanted, 1e-12)
    assert tx.autograd.gradcheck(lambda x: F.cross_entropy(x, target, label_smoothing=label_smoothing, **options), (x,))


def test_probabilities_as_targets(logits, device):
    target = np.exp(log_softmax(logits[::-1].copy()))
    loss = F.cross_entropy(tx.tensor(logits, device=device), tx.tensor(target, device=device))
    np.testing.assert_allclose(loss.item(), -(target * log_softmax(logits)).sum(1).mean(), 1e-12)


@pytest.mark.parametrize("dtype", [tx.float32, tx.float64, tx.bfloat16])
def test_extreme_logits(dtype, device):
    x = tx.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype=dtype, device=device).requires_grad_()
    loss = F.cross_entropy(x, tx.tensor([0, 0], device=device), reduction="none")
    assert loss.tolist() == [0.0, 2 * x[0, 0].item()]
    loss.sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0, 0.0], [-1.0, 1.0, 0.0]]


def test_a_reduction_that_does_not_exist(device):
    with pytest.raises(ValueError, match="reduction"):
        F.cross_entropy(tx.zeros(2, 3, device=device), tx.tensor([0, 1], device=device), reduction="average")


def test_no_probabilities_are_stored(device):
    """Fused: the loss of large logits takes next to no memory beside them, forward, and one gradient, backward."""
    x = tx.randn(512, 1000, device=device).requires_grad_()
    target, size = tx.randint(0, 1000, (512,), device=device), x.numel() * 4
    assert peak(device, lambda: F.cross_entropy(x, target)) < size / 8
    assert peak(device, lambda: F.cross_entropy(x, target).backward()) < 1.25 * size
