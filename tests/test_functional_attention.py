"""Attention of nn.functional against PyTorch's: every kind of mask, projection and shape, values and gradients."""

import itertools

import numpy as np
import pytest

import tensorx as tx

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

F, TF = tx.nn.functional, torch.nn.functional
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not tx.cuda.is_available(), reason="no CUDA device"))]


def both(function, arrays, device, *arguments, **options):
    """Results and gradients of a function given arrays by position, and options of which arrays become tensors too."""
    found = []
    for library, functional in ((torch, TF), (tx, F)):
        place = {"device": device} if library is tx else {}
        tensors = [None if a is None else library.tensor(a, **place) for a in arrays]
        inputs = [x.requires_grad_() for x in tensors if x is not None]
        named = {k: library.tensor(v, **place) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        results = getattr(functional, function)(*tensors, *arguments, **named)
        results = [r for r in (results if isinstance(results, tuple) else (results,)) if r is not None]
        seeds = [library.tensor(np.cos(np.arange(r.numel()).reshape(tuple(r.shape))), **place) for r in results]
        gradients = library.autograd.grad(results, inputs, seeds, allow_unused=True)
        found.append([x.detach().cpu().numpy() for x in (*results, *gradients) if x is not None])
    theirs, ours = found
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, 1e-9, 1e-9)


def draw(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


MASK = np.array([[True, False, True, True], [True, True, False, False], [False, True, True, True]])
NOTHING = np.array([[True, True, False, False], [False, False, False, False], [True, True, True, True]])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_causal": True},
        {"scale": 0.3},
        {"attn_mask": MASK},
        {"attn_mask": NOTHING},
        {"attn_mask": np.where(NOTHING, 0.0, -np.inf)},
        {"attn_mask": np.where(MASK, 0.5, -1.0)},
        {"attn_mask": np.broadcast_to(MASK, (2, 1, 3, 4)).copy()},
    ],
    ids=lambda o: str(sorted(o)),
)
def test_scaled_dot_product_attention(options, device):
    both("scaled_dot_product_attention", [draw(2, 2, 3, 5), draw(2, 2, 4, 5), draw(2, 2, 4, 6)], device, **options)


@pytest.mark.parametrize("device", DEVICES)
def test_grouped_heads(device):
    arrays = [draw(2, 6, 3, 4), draw(2, 2, 5, 4), draw(2, 2, 5, 4)]
    both("scaled_dot_product_attention", arrays, device, enable_gqa=True)


@pytest.mark.parametrize(
    ("arrays", "options", "error"),
    [
        ([draw(2, 3), draw(2, 4), draw(2, 4)], {}, RuntimeError),
        ([draw(2, 3, 4, 5), draw(2, 2, 4, 5), draw(2, 2, 4, 5)], {"enable_gqa": True}, RuntimeError),
        ([draw(3, 4), draw(3, 4), draw(3, 4)], {"attn_mask": MASK, "is_causal": True}, RuntimeError),
    ],
)
def test_errors_of_attention(arrays, options, error):
    options = {k: tx.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    with pytest.raises(error, match="scaled_dot_product_attention"):
        F.scaled_dot_product_attention(*map(tx.tensor, arrays), **options)


def test_dropout_of_attention():
    x = tx.ones(1, 200, 8)
    out = F.scaled_dot_product_attention(x, x, x, dropout_p=0.5)
    assert abs(out.mean().item() - 1) < 0.1 and out.std().item() > 0.01


WIDTH, HEADS = 4, 2


def attend(device, batch=(3,), length=3, source=4, own=False, separate=False, **options):
    """multi_head_attention_forward of both libraries. own: attention of the input to itself."""
    query, key = draw(length, *batch, WIDTH), draw(source, *batch, WIDTH)
    arrays = {
        "in_proj_weight": None if separate else draw(3 * WIDTH, WIDTH),
        "in_proj_bias": draw(3 * WIDTH),
        "out_proj_weight": draw(WIDTH, WIDTH),
        "out_proj_bias": draw(WIDTH),
    }
    if separate:
        arrays |= {
            "q_proj_weight": draw(WIDTH, WIDTH),
            "k_proj_weight": draw(WIDTH, WIDTH),
            "v_proj_weight": draw(WIDTH, WIDTH),
        }
    bias = {k: options.pop(k) for k in ("bias_k", "bias_v") if k in options}
    found = []
    for library, functional in ((torch, TF), (tx, F)):
        place = {"device": device} if library is tx else {}
        made = {
            k: None if v is None else library.tensor(v, **place).requires_grad_() for k, v in (arrays | bias).items()
        }
        q = library.tensor(query, **place).requires_grad_()
        k = q if own else library.tensor(key, **place).requires_grad_()
        named = {n: library.tensor(v, **place) if isinstance(v, np.ndarray) else v for n, v in options.items()}
        required = {"bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0} | made | named
        results = functional.multi_head_attention_forward(
            q, k, k, embed_dim_to_check=WIDTH, num_heads=HEADS, use_separate_proj_weight=separate, **required
        )
        results = [r for r in results if r is not None]
        inputs = [x for x in (q, k, *made.values()) if x is not None]
        seeds = [library.tensor(np.cos(np.arange(r.numel()).reshape(tuple(r.shape))), **place) for r in results]
        gradients = library.autograd.grad(results, inputs, seeds)
        found.append([x.detach().cpu().numpy() for x in (*results, *gradients)])
    for ours, theirs in zip(found[1], found[0], strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, 1e-9, 1e-9)


PADDING = np.array([[False, False, False, True], [False, True, True, False], [False] * 4])
CAUSAL = np.triu(np.full((3, 4), -np.inf), 1)
VARIANTS = [
    {},
    {"own": True},
    {"separate": True},
    {"batch": ()},
    {"attn_mask": ~MASK},
    {"attn_mask": np.where(MASK, 0.5, -1.0)},
    {"attn_mask": draw(6, 3, 4)},
    {"key_padding_mask": PADDING},
    {"key_padding_mask": PADDING[0], "batch": ()},
    {"key_padding_mask": PADDING, "attn_mask": np.triu(np.ones((3, 4), bool), 1)},
    {"bias_k": draw(1, 1, WIDTH), "bias_v": draw(1, 1, WIDTH) + 1, "key_padding_mask": PADDING, "attn_mask": CAUSAL},
    {"add_zero_attn": True, "attn_mask": CAUSAL},
    {"is_causal": True, "attn_mask": np.triu(np.full((3, 3), -np.inf), 1), "own": True},
    {"average_attn_weights": False},
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("options", "need_weights"), list(itertools.product(VARIANTS, [True, False])), ids=str)
def test_multi_head_attention(options, need_weights, device):
    attend(device, need_weights=need_weights, **options)


def test_static_keys():
    generator = np.random.default_rng(0)
    x, w, out = (generator.standard_normal(s) for s in ((3, 3, WIDTH), (3 * WIDTH, WIDTH), (WIDTH, WIDTH)))
    k, v = generator.standard_normal((6, 5, 2)), generator.standard_normal((6, 5, 2))
    found = []
    for library, functional in ((torch, TF), (tx, F)):
        t = [library.tensor(a) for a in (x, w, out, k, v)]
        found.append(
            functional.multi_head_attention_forward(
                t[0],
                t[0],
                t[0],
                WIDTH,
                HEADS,
                t[1],
                None,
                None,
                None,
                False,
                0.0,
                t[2],
                None,
                static_k=t[3],
                static_v=t[4],
            )[0].numpy()
        )
    np.testing.assert_allclose(found[1], found[0], 1e-9, 1e-9)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"embed_dim_to_check": 5}, "embedding dimension"),
        ({"num_heads": 3}, "not divisible"),
        ({"attn_mask": tx.zeros(2, 2)}, "shape of the attn_mask"),
        ({"key_padding_mask": tx.zeros(2, 2)}, "key_padding_mask"),
        ({"is_causal": True}, "attn_mask"),
    ],
)
def test_errors_of_multi_head_attention(change, text):
    x, w = tx.ones(3, 2, 4), tx.ones(12, 4)
    arguments = dict(
        embed_dim_to_check=4, num_heads=2, in_proj_weight=w, in_proj_bias=None, bias_k=None, bias_v=None,
        add_zero_attn=False, dropout_p=0.0, out_proj_weight=tx.ones(4, 4), out_proj_bias=None,
    )  # fmt: skip
    with pytest.raises((RuntimeError, AssertionError), match=text):
        F.multi_head_attention_forward(x, x, x, **{**arguments, **change})
