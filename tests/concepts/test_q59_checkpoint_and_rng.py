"""59. A checkpoint's second run draws the same dropout masks, on the CPU and on CUDA."""

import pytest

import tensorx as tx
from tensorx import nn
from tensorx.utils.checkpoint import checkpoint


def masks(device, **options):
    """The dropout masks of both runs of a checkpointed layer, and the gradient."""
    seen = []
    dropout = nn.Dropout(0.5)

    def layer(x):
        y = dropout(x)
        seen.append((y != 0).tolist())
        return y.exp()

    tx.manual_seed(0)
    tx.rand(1, device=device)
    x = tx.ones(200, device=device, requires_grad=True)
    checkpoint(layer, x, **options).sum().backward()
    return seen, x.grad


def test_masks_are_the_same(device):
    (first, second), gradient = masks(device)
    assert first == second and 50 < sum(first) < 150
    # d exp(2x)/dx = 2 e**2 where kept, 0 where dropped: the mask of the forward pass.
    assert (gradient != 0).tolist() == first


def test_masks_differ_if_asked_to(device):
    (first, second), _ = masks(device, preserve_rng_state=False)
    assert first != second


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_the_generators_go_on_as_if_nothing_had_happened(where, device):
    """The second run happens during backward; numbers drawn after it are those that would have come without it."""
    if where == "cuda" and not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    drawn = []
    for run in (checkpoint, lambda f, x: f(x)):
        tx.manual_seed(0)
        tx.rand(1, device=where)
        x = tx.ones(10, device=device, requires_grad=True)
        run(lambda x: nn.functional.dropout(x, 0.5), x).sum().backward()
        drawn.append(tx.rand(5, device=where).tolist())
    assert drawn[0] == drawn[1]
