"""Functional forms that are no layer's own, against PyTorch's."""

import pytest

import tensorx as tx
from layer_cases import F64
from nn_parity import assert_close, compare_calls, draw, to_tx, torch
from tensorx.nn import functional as F

PADS = [
    ((1, 2), "constant", 3.0),
    ((1, 2, 0, 1), "constant", None),
    ((-1, 2, 3, -2), "constant", 0.5),
    ((2, 1), "reflect", None),
    ((2, 1, 1, 2), "reflect", None),
    ((2, 3), "replicate", None),
    ((1, 2, 2, 1), "circular", None),
]


@pytest.mark.parametrize("counts, mode, value", PADS)
def test_pad(counts, mode, value):
    x = draw(2, 3, 4, 5) if len(counts) == 4 else draw(2, 3, 4)
    compare_calls(
        lambda t: F.pad(t, counts, mode, value), lambda t: torch.nn.functional.pad(t, counts, mode, value), [x]
    )


def test_pad_refuses_what_does_not_fit():
    with pytest.raises(RuntimeError, match="takes counts up to 2"):
        F.pad(tx.zeros(1, 1, 3), (3, 0), "reflect")
    with pytest.raises(RuntimeError, match="even number of counts"):
        F.pad(tx.zeros(3), (1, 1, 1, 1))
    with pytest.raises(RuntimeError, match="remove more than dimension 0 has"):
        F.pad(tx.zeros(3), (-2, -2))


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"enable_gqa": True}])
def test_attention(options):
    heads = 2 if options.get("enable_gqa") else 4
    q, k, v = draw(2, 4, 5, 8), draw(2, heads, 6, 8, seed=1), draw(2, heads, 6, 3, seed=2)
    compare_calls(
        lambda *x: F.scaled_dot_product_attention(*x, **options),
        lambda *x: torch.nn.functional.scaled_dot_product_attention(*x, **options),
        [q, k, v],
    )


@pytest.mark.parametrize("boolean", [True, False])
def test_attention_mask(boolean):
    q, k, v = draw(2, 5, 8), draw(2, 6, 8, seed=1), draw(2, 6, 3, seed=2)
    mask = draw(5, 6, grad=False, seed=3)
    if boolean:
        mask = mask > 0
        mask[1] = False  # a query without keys
    function = torch.nn.functional.scaled_dot_product_attention
    compare_calls(
        lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, attn_mask=m),
        lambda a, b, c, m: function(a, b, c, attn_mask=m),
        [q, k, v, mask],
    )


@pytest.mark.parametrize("arguments", [{"p": 2.0, "dim": 1}, {"p": 1.0, "dim": -1}, {"p": float("inf"), "dim": 0}])
def test_normalize(arguments):
    compare_calls(
        lambda x: F.normalize(x, **arguments), lambda x: torch.nn.functional.normalize(x, **arguments), [draw(3, 4)]
    )


def test_instance_norm():
    x, mean, var = draw(2, 3, 4, 5), torch.zeros(3, dtype=F64), torch.ones(3, dtype=F64)
    weight, bias = draw(3), draw(3, seed=1)
    ours = [to_tx(mean), to_tx(var)]
    compare_calls(
        lambda x, w, b: F.instance_norm(x, *ours, w, b),
        lambda x, w, b: torch.nn.functional.instance_norm(x, mean, var, w, b),
        [x, weight, bias],
    )
    assert_close(ours[0], mean, 1e-10)
    assert_close(ours[1], var, 1e-10)


def test_gumbel_softmax():
    tx.manual_seed(0)
    logits = tx.tensor([0.0, 1.0, 2.0]).expand(4000, 3).requires_grad_()
    hard = F.gumbel_softmax(logits, hard=True)
    assert tx.equal(hard.detach().sum(-1), tx.ones(4000)) and set(hard.detach().round().unique().tolist()) == {0.0, 1.0}
    shares = hard.detach().mean(0)
    assert tx.allclose(shares, tx.tensor([0.0, 1.0, 2.0]).softmax(0), atol=0.03)
    (hard * tx.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum().item() > 0
