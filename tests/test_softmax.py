"""softmax, log_softmax, cross_entropy and nll_loss against PyTorch where it is installed."""

import itertools

import pytest

import tensorx as tx
from tensorx.ops.loss import cross_entropy, nll_loss
from tensorx.ops.softmax import log_softmax, softmax

torch = pytest.importorskip("torch")
F = torch.nn.functional


def ours(t, requires_grad=False):
    return tx.tensor(t.detach().numpy()).requires_grad_(requires_grad)


def close(x, t, tolerance=1e-10):
    torch.testing.assert_close(
        torch.from_numpy(x.detach().numpy().copy()), t.detach(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


@pytest.mark.parametrize(("form", "expected"), [(softmax, F.softmax), (log_softmax, F.log_softmax)])
@pytest.mark.parametrize("shape", [(5,), (64, 10), (7, 1), (2, 3, 5), (4, 300, 17), (2, 1000, 3), (1, 2, 3000)])
def test_softmax_to_second_order(form, expected, shape):
    torch.manual_seed(0)
    for dim in range(len(shape)):
        t = (torch.randn(shape, dtype=torch.float64) * 4).requires_grad_()
        x, w, v = ours(t, True), torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)
        y, u = form(x, dim), expected(t, dim)
        close(y, u)
        (g,), (h,) = (
            tx.autograd.grad((y * ours(w)).sum(), [x], create_graph=True),
            torch.autograd.grad((u * w).sum(), t, create_graph=True),
        )
        close(g, h)
        close(tx.autograd.grad((g * ours(v)).sum(), [x])[0], torch.autograd.grad((h * v).sum(), t)[0])


def test_softmax_of_masked_scores():
    values = torch.tensor([[0.0, float("-inf"), 1.0], [float("-inf")] * 3])
    close(softmax(ours(values), 1), F.softmax(values, 1), 1e-6)


OPTIONS = list(itertools.product(("none", "mean", "sum"), (0.0, 0.1), (False, True)))


@pytest.mark.parametrize("shape", [(10,), (6, 10), (64, 1000), (3, 4, 5), (2, 300, 4, 70), (2, 3, 1)])
@pytest.mark.parametrize(("reduction", "smoothing", "weighted"), OPTIONS)
def test_losses_to_second_order(shape, reduction, smoothing, weighted):
    torch.manual_seed(0)
    class_dim = 1 if len(shape) > 1 else 0
    classes = shape[class_dim]
    target = torch.randint(0, classes, shape[:1] + shape[2:] if class_dim else ())
    if target.numel() > 2:
        target.view(-1)[1] = -100
    weight = torch.rand(classes, dtype=torch.float64) + 0.5 if weighted else None
    t = (torch.randn(shape, dtype=torch.float64) * 4).requires_grad_()
    x = ours(t, True)
    loss = cross_entropy(
        x, ours(target), None if weight is None else ours(weight), reduction=reduction, label_smoothing=smoothing
    )
    expected = F.cross_entropy(t, target, weight, reduction=reduction, label_smoothing=smoothing)
    close(loss, expected)
    v, u = torch.randn_like(expected), torch.randn(shape, dtype=torch.float64)
    (h,) = torch.autograd.grad(expected, t, v, create_graph=True)
    close(tx.autograd.grad(loss, [x], ours(v), retain_graph=True)[0], h)
    (g,) = tx.autograd.grad(loss, [x], ours(v), create_graph=True)
    close(g, h)
    close(tx.autograd.grad((g * ours(u)).sum(), [x])[0], torch.autograd.grad((h * u).sum(), t)[0])
    log_p = F.log_softmax(t.detach(), class_dim)
    close(
        nll_loss(ours(log_p), ours(target), None if weight is None else ours(weight), reduction=reduction),
        F.nll_loss(log_p, target, weight, reduction=reduction),
    )


def test_huge_logits_and_probabilities_as_targets():
    t = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 0.0]], requires_grad=True)
    x = ours(t, True)
    loss, expected = cross_entropy(x, tx.tensor([0, 0])), F.cross_entropy(t, torch.tensor([0, 0]))
    loss.backward()
    expected.backward()
    close(loss, expected, 1e-6)
    close(x.grad, t.grad, 1e-6)
    p = F.softmax(torch.randn(2, 3), 1)
    close(cross_entropy(ours(t), ours(p), label_smoothing=0.1), F.cross_entropy(t, p, label_smoothing=0.1), 1e-6)


def test_errors():
    x = tx.zeros(4, 5)
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        cross_entropy(x, tx.tensor([0, 1, 2, 7]))
    with pytest.raises(ValueError, match="batch_size"):
        cross_entropy(x, tx.tensor([0, 1]))
    with pytest.raises(ValueError, match="reduction"):
        cross_entropy(x, tx.tensor([0, 1, 2, 3]), reduction="x")
    with pytest.raises(RuntimeError, match="weight"):
        cross_entropy(x, tx.tensor([0, 1, 2, 3]), weight=tx.ones(3))
    with pytest.raises(NotImplementedError):
        softmax(tx.tensor([1]), 0)
    with pytest.raises(IndexError):
        softmax(x, 2)
