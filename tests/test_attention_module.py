"""nn.MultiheadAttention and attention in blocks: against PyTorch's and NumPy, memory, second derivatives, errors."""

import itertools

import numpy as np
import pytest

import tensorx as tx
from concepts.memory_use import peak
from nn_parity import compare_modules, copy_weights, draw, to_tx, torch
from tensorx import nn
from tensorx.nn import functional as F
from tensorx.nn.attention import SDPBackend, sdpa_kernel
from tensorx.ops import attention as blocks

WIDTH, HEADS, LENGTH, SOURCE, BATCH = 8, 2, 3, 4, 2


MODULES = [
    {},
    {"bias": False},
    {"kdim": 3, "vdim": 5},
    {"add_bias_kv": True, "add_zero_attn": True},
    {"batch_first": True},
]
CALLS = [
    {},
    {"need_weights": False},
    {"average_attn_weights": False},
    {"attn_mask": "float", "need_weights": False},
    {"attn_mask": "bool", "key_padding_mask": "bool"},
]
MASKS = {
    ("attn_mask", "float"): torch.triu(torch.full((LENGTH, SOURCE), -torch.inf, dtype=torch.float64), 1),
    ("attn_mask", "bool"): torch.triu(torch.ones(LENGTH, SOURCE, dtype=torch.bool), 2),
    ("key_padding_mask", "bool"): torch.tensor([[False, False, False, True], [False, False, True, True]]),
}


@pytest.mark.parametrize(("options", "call"), list(itertools.product(MODULES, CALLS)), ids=str)
def test_multihead_attention(options, call, device):
    theirs = torch.nn.MultiheadAttention(WIDTH, HEADS, **options).double()
    ours = nn.MultiheadAttention(WIDTH, HEADS, **options).double()
    assert [(n, v.shape) for n, v in ours.state_dict().items()] == [
        (n, tuple(v.shape)) for n, v in theirs.state_dict().items()
    ]
    copy_weights(ours, theirs)
    ours = ours.to(device)
    if options.get("bias", True):
        for module in (ours, theirs):
            module.in_proj_bias.data += 0.25
    first = (BATCH, LENGTH) if options.get("batch_first") else (LENGTH, BATCH)
    second = (BATCH, SOURCE) if options.get("batch_first") else (SOURCE, BATCH)
    tensors = [
        draw(*first, WIDTH),
        draw(*second, options.get("kdim", WIDTH)),
        draw(*second, options.get("vdim", WIDTH)),
    ]

    def run(_, module, inputs):
        masks = {
            name: MASKS[name, kind] if module is theirs else to_tx(MASKS[name, kind]).to(device)
            for name, kind in call.items()
            if name.endswith("mask")
        }
        return module(*inputs, **(call | masks))

    compare_modules(ours, theirs, run, tensors, device)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("shape", [(LENGTH, BATCH, WIDTH), (LENGTH, WIDTH)], ids=str)
def test_self_attention(shape, batch_first):
    theirs = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first).double()
    ours = nn.MultiheadAttention(WIDTH, HEADS, batch_first=batch_first).double()
    copy_weights(ours, theirs)
    compare_modules(ours, theirs, lambda _, module, t: module(t[0], t[0], t[0]), [draw(*shape)])


def test_dropout_of_the_module():
    attention = nn.MultiheadAttention(WIDTH, HEADS, dropout=0.5)
    x = tx.randn(LENGTH, BATCH, WIDTH)
    for need_weights in (True, False):
        out = [attention.train(mode)(x, x, x, need_weights=need_weights)[0] for mode in (True, True, False, False)]
        assert not tx.equal(out[0], out[1]) and tx.equal(out[2], out[3])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.MultiheadAttention(0, 1), ValueError),
        (lambda: nn.MultiheadAttention(8, 3), AssertionError),
        (lambda: nn.MultiheadAttention(8, 2)(*[tx.zeros(3, 2, 4)] * 3), AssertionError),
    ],
)
def test_errors_of_the_module(make, error):
    with pytest.raises(error):
        make()


# ---- attention in blocks


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of few queries, so that a short sequence takes several."""
    monkeypatch.setattr(blocks, "BLOCK", 1)
    monkeypatch.setattr(blocks, "LEAST", 3)


def reference(q, k, v, mask=None, causal=False, scale=None):
    """Attention in NumPy's float64. mask: added."""
    k, v = (x.repeat(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    scores = scores if mask is None else scores + mask
    largest = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(largest), 0.0, largest))
    return weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300) @ v


LONG = 8
RANDOM = np.random.default_rng(0)
SEEN = RANDOM.random((2, 1, LONG, LONG)) < 0.5
SEEN[0, 0, 2] = False
OPTIONS = [
    {},
    {"is_causal": True},
    {"scale": 0.7},
    {"attn_mask": SEEN},
    {"attn_mask": SEEN[0, 0]},
    {"attn_mask": RANDOM.standard_normal((4, 1, LONG))},
    {"attn_mask": np.where(SEEN, 0.3, -np.inf)},
    {"attn_mask": SEEN[0, 0, 0]},
]


def arrays(heads=4):
    return [RANDOM.standard_normal((2, h, LONG, 5)) for h in (4, heads, heads)]


def attend(given, options, heads):
    tensors = {k: tx.tensor(v, device=given[0].device) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    return F.scaled_dot_product_attention(*given, **tensors, enable_gqa=heads != 4)


@pytest.mark.parametrize("heads", [4, 2, 1])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: str(sorted(o)))
def test_blocks_give_what_all_at_once_gives(options, heads, device, small_blocks):
    q, k, v = arrays(heads)
    given = [tx.tensor(x, device=device).requires_grad_() for x in (q, k, v)]
    out = attend(given, options, heads)
    mask = options.get("attn_mask")
    mask = np.where(mask, 0, -np.inf) if mask is not None and mask.dtype == bool else mask
    expected = reference(q, k, v, mask, options.get("is_causal", False), options.get("scale"))
    np.testing.assert_allclose(out.detach().cpu().numpy(), expected, 1e-12, 1e-12)
    seed = tx.tensor(np.cos(np.arange(out.numel())).reshape(out.shape), device=device)
    found = tx.autograd.grad(out, given, seed)
    with sdpa_kernel(SDPBackend.MATH):
        whole = tx.autograd.grad(attend(given, options, heads), given, seed)
    for a, b in zip(found, whole):
        np.testing.assert_allclose(a.cpu().numpy(), b.cpu().numpy(), 1e-11, 1e-11)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: str(sorted(o)))
def test_gradients(options, small_blocks):
    given = [tx.tensor(x[:, :2, :, :2]).requires_grad_() for x in arrays(2)]
    mask = options.get("attn_mask")
    rest = {k: v for k, v in options.items() if k != "attn_mask"}
    if mask is not None:
        mask = tx.tensor(mask if mask.ndim != 3 else mask[:2])
        given += [mask.requires_grad_()] if mask.dtype == tx.float64 and not mask.isinf().any() else []

    def run(q, k, v, m=mask):
        return F.scaled_dot_product_attention(q, k, v, m, **rest)

    assert tx.autograd.gradcheck(run, given)
    assert tx.autograd.gradgradcheck(run, given, fast_mode=True)


@pytest.mark.parametrize("heads", [4, 2])
def test_dropout_is_the_same_in_backward(heads, device, small_blocks):
    """The mask is made anew from the random stream: gradients agree with those of the dropped weights themselves."""
    q, k, v = (tx.tensor(x, device=device).requires_grad_() for x in arrays(heads))
    tx.manual_seed(0)
    out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5, enable_gqa=heads != 4)
    (again,) = tx.autograd.grad(out.square().sum(), v, create_graph=True)
    (plain,) = tx.autograd.grad(out.square().sum(), v)
    np.testing.assert_allclose(again.detach().cpu().numpy(), plain.cpu().numpy(), 1e-12, 1e-12)
    # The result is linear in v, by the weights that were kept.
    np.testing.assert_allclose((plain * v).sum().item(), 2 * out.square().sum().item(), 1e-10)
    tx.manual_seed(0)
    assert tx.equal(F.scaled_dot_product_attention(q, k, v, dropout_p=0.5, enable_gqa=heads != 4), out)
    assert F.scaled_dot_product_attention(q, k, v, dropout_p=1.0, enable_gqa=heads != 4).abs().max() == 0


@pytest.mark.parametrize(
    "shapes",
    [
        [(3, 4), (5, 4), (5, 2)],
        [(2, 1, 3, 4), (3, 5, 4), (3, 5, 2)],
        [(3, 4), (2, 5, 4), (5, 2)],
        [(2, 0, 4), (2, 5, 4), (2, 5, 2)],
        [(2, 3, 4), (2, 0, 4), (2, 0, 2)],
        [(0, 3, 4), (0, 5, 4), (0, 5, 2)],
        [(2, 3, 0), (2, 5, 0), (2, 5, 2)],
        [(2, 3, 4), (2, 5, 4), (2, 5, 0)],
    ],
    ids=str,
)
@pytest.mark.parametrize("causal", [False, True])
def test_shapes(shapes, causal, device):
    q, k, v = (draw(*s) for s in shapes)
    mine = [to_tx(x).to(device).detach().requires_grad_() for x in (q, k, v)]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    found = F.scaled_dot_product_attention(*mine, is_causal=causal)
    np.testing.assert_allclose(found.detach().cpu().numpy(), expected.detach().numpy(), 1e-12, 1e-12)
    grads = tx.autograd.grad(found.sum(), mine)
    for a, b in zip(grads, torch.autograd.grad(expected.sum(), (q, k, v), materialize_grads=True)):
        np.testing.assert_allclose(a.cpu().numpy(), b.numpy(), 1e-12, 1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes(dtype, device):
    q, k, v = arrays()
    given = [tx.tensor(x, device=device).to(getattr(tx, dtype)).requires_grad_() for x in (q, k, v)]
    out = F.scaled_dot_product_attention(*given, is_causal=True)
    assert out.dtype == getattr(tx, dtype)
    tolerance = 1e-5 if dtype == "float32" else 0.05
    np.testing.assert_allclose(out.detach().double().cpu(), reference(q, k, v, causal=True), tolerance, tolerance)
    out.sum().backward()
    assert all(x.grad.dtype == x.dtype for x in given)


@pytest.mark.parametrize("kind", ["plain", "causal", "dropout", "gqa", "mask"])
def test_memory_is_linear_in_the_length(kind, device, monkeypatch):
    """Twice the length, twice the memory, forward and backward; all weights at once take many times as much."""
    length = 64 if device == "cuda" else 1024  # the CPU's memory is counted in steps of 64 KB
    monkeypatch.setattr(blocks, "BLOCK", 16 * length)
    monkeypatch.setattr(blocks, "LEAST", 4)

    def most(length):
        q, k = (tx.ones(1, h, length, 4, device=device).requires_grad_() for h in (2, 1 if kind == "gqa" else 2))
        options = {
            "attn_mask": tx.ones(length, length, dtype=tx.bool, device=device) if kind == "mask" else None,
            "dropout_p": 0.1 if kind == "dropout" else 0.0,
            "is_causal": kind == "causal",
            "enable_gqa": kind == "gqa",
        }

        def run():
            F.scaled_dot_product_attention(q, k, k, **options).sum().backward()

        run()  # the gradients are there, and what was left by others is gone
        return peak(device, run)

    short, long = most(length), most(2 * length)
    assert 0 < long <= 2.2 * short
    with sdpa_kernel(SDPBackend.MATH):
        assert most(2 * length) > 4 * long


def test_vmap():
    q, k, v = (tx.tensor(x) for x in arrays())
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    found = tx.vmap(lambda *x: F.scaled_dot_product_attention(*x, is_causal=True))(q, k, v)
    np.testing.assert_allclose(found, expected, 1e-12, 1e-12)

    def loss(q, k, v):
        return F.scaled_dot_product_attention(q, k, v).square().sum()

    per_example = tx.vmap(tx.func.grad(loss))(q, k, v)
    for i in range(2):
        np.testing.assert_allclose(per_example[i], tx.func.grad(loss)(q[i], k[i], v[i]), 1e-11, 1e-11)
    jacobian = tx.func.jacrev(lambda q: F.scaled_dot_product_attention(q, k, v))(q)
    assert jacobian.shape == (*q.shape, *q.shape)
    forward = tx.func.jacfwd(lambda q: F.scaled_dot_product_attention(q, k, v))(q)
    np.testing.assert_allclose(jacobian, forward, 1e-9, 1e-12)


def test_sdpa_kernel():
    x = tx.ones(1, 3, 2)
    assert [int(b) for b in SDPBackend] == [-1, 0, 1, 2, 3, 4] and repr(SDPBackend.MATH) == "<SDPBackend.MATH: 0>"
    for chosen in (SDPBackend.FLASH_ATTENTION, [SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION]):
        with sdpa_kernel(chosen, set_priority=True):
            assert F.scaled_dot_product_attention(x, x, x).shape == x.shape
    with sdpa_kernel([]), pytest.raises(RuntimeError, match="No viable backend"):
        F.scaled_dot_product_attention(x, x, x)
    F.scaled_dot_product_attention(x, x, x)  # allowed again
    for wrong in ("math", ["math"], None):
        with pytest.raises(AssertionError, match="SDPBackend"), sdpa_kernel(wrong):
            pass


X = tx.zeros(2, 3, 4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"key": X.double()}, "same dtype"),
        ({"attn_mask": tx.zeros(3, 3, dtype=tx.int64)}, "attn_mask dtype"),
        ({"attn_mask": tx.zeros(3, 3, dtype=tx.float64)}, "attn_mask dtype"),
        ({"attn_mask": tx.zeros(4, 3)}, "broadcast"),
        ({"attn_mask": tx.zeros(1, 1, 1, 3, 3)}, "broadcast"),
        ({"dropout_p": 1.5}, "between 0 and 1"),
        ({"dropout_p": -0.5}, "between 0 and 1"),
        ({"key": X[0, 0]}, "dimensions"),
        ({"attn_mask": tx.zeros(3, 3), "is_causal": True}, "is_causal"),
    ],
)
def test_errors(options, text):
    with pytest.raises(RuntimeError, match=text):
        F.scaled_dot_product_attention(**{"query": X, "key": X, "value": X, **options})
