"""CUDA kernels against the CPU's, at sizes that take every path: one warp, one block, several blocks, ragged ends,
unaligned starts, strides. test_cases.py has the small cases and the errors."""

from pathlib import Path

import numpy as np
import pytest

import tensorx as tx
import tensorx.nn.functional as F

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")

FLOATS = (tx.float32, tx.float64, tx.float16, tx.bfloat16)
INTEGERS = (tx.uint8, tx.int8, tx.int16, tx.int32, tx.int64)
LENGTHS = (1, 31, 32, 33, 127, 129, 1000, 4097)
# Relative to the largest magnitude of the result: the order of summation differs from the CPU's.
TOLERANCE = {tx.float32: 2e-5, tx.float64: 1e-12, tx.float16: 4e-3, tx.bfloat16: 3e-2}


def same(f, *tensors, exact=False):
    """f on the device gives what f gives on the CPU."""
    there, here = f(*(x.cuda() for x in tensors)), f(*tensors)
    if isinstance(here, tx.Tensor):
        there, here = (there,), (here,)
    for a, b in zip(there, here, strict=True):
        assert a.is_cuda and a.dtype is b.dtype and a.shape == b.shape
        a, b = a.cpu(), b
        if exact or not b.dtype.is_floating_point:
            assert a.tolist() == b.tolist()
            continue
        a, b = a.double().numpy(), b.double().numpy()
        scale = float(np.abs(b[np.isfinite(b)]).max(initial=1e-3))
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[here[0].dtype] * scale, equal_nan=True)


def values(shape, dtype=tx.float32, seed=0):
    tx.manual_seed(seed)
    if dtype is tx.bool:
        return tx.rand(shape) < 0.5
    if not dtype.is_floating_point:
        return tx.randint(0, 100, shape).to(dtype)
    return tx.randn(shape, dtype=tx.float64).to(dtype)


def tf32(x):
    """x rounded to 10 bits of mantissa, halves away from zero."""
    bits = x.numpy().view(np.uint32)
    return tx.from_numpy(((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32))


@pytest.fixture
def allow_tf32():
    tx.backends.cuda.matmul.allow_tf32 = tx.backends.cudnn.allow_tf32 = True
    yield
    tx.backends.cuda.matmul.allow_tf32 = tx.backends.cudnn.allow_tf32 = False


def views(x):
    """The values of x in other places: reversed dimensions, a gap between rows, an odd start."""
    yield x
    order = tuple(range(x.ndim))[::-1]
    yield x.permute(order).contiguous().permute(order)
    padded = tx.zeros(*x.shape[:-1], x.shape[-1] + 3, dtype=x.dtype)
    yield padded[..., 1 : x.shape[-1] + 1].copy_(x)


# ---- elementwise and copies


@pytest.mark.parametrize("dtype", (*FLOATS, *INTEGERS), ids=str)
@pytest.mark.parametrize("n", (*LENGTHS, 70001))
def test_elementwise(n, dtype):
    x, y = values(n, dtype), values(n, dtype, 1)
    same(lambda a, b: a + b, x, y, exact=True)
    same(lambda a: a * 2, x, exact=True)
    same(lambda a, b: a < b, x, y)
    same(lambda a, b: a[1:] - b[:-1] if dtype is not tx.bool else a[1:], x, y, exact=True)
    same(lambda a, b: tx.where(a > b, a, b), x, y, exact=True)


@pytest.mark.parametrize("shape", [(65, 67), (3, 5, 70), (2, 129, 33), (7, 1, 4, 9)])
def test_copies_of_any_strides(shape):
    for dtype in (tx.uint8, tx.float16, tx.float32, tx.float64):
        for x in views(values(shape, dtype)):
            same(lambda a: a.contiguous(), x, exact=True)
            same(lambda a: a.transpose(0, -1).contiguous(), x, exact=True)
            same(lambda a: a[..., ::2].clone(), x, exact=True)
            same(lambda a: a.to(tx.float64), x, exact=True)


# ---- reductions, scans, softmax


@pytest.mark.parametrize("dtype", (*FLOATS, *INTEGERS), ids=str)
@pytest.mark.parametrize("n", (*LENGTHS, 100003))
def test_reduce_all(n, dtype):
    x = values(n, dtype)
    for f in (tx.sum, tx.amax, tx.amin, tx.argmax, tx.argmin, tx.any, tx.count_nonzero):
        same(f, x)
    if dtype.is_floating_point:
        same(tx.mean, x)
        same(lambda a: tx.linalg.norm(a) if hasattr(tx, "linalg") else a.norm(), x)
        if n > 1:
            same(tx.var, x)


@pytest.mark.parametrize("shape", [(3, 4097), (4097, 3), (129, 130), (2, 33, 65), (5, 1, 70), (1000, 31)])
def test_reduce_dims(shape):
    for x in views(values(shape)):
        for dim in (0, -1, tuple(range(len(shape)))[1:]):
            same(lambda a, dim=dim: a.sum(dim), x)
            same(lambda a, dim=dim: a.amax(dim), x, exact=True)
        same(lambda a: a.max(0), x, exact=True)
        same(lambda a: a.min(-1), x, exact=True)
        same(lambda a: a.logsumexp(-1), x)
        same(lambda a: a.var(0), x)


def test_reductions_of_special_values():
    x = tx.tensor([1.0, float("nan"), 3.0, float("inf")] * 300)
    same(tx.amax, x), same(tx.argmax, x), same(tx.nansum, x), same(tx.argmin, x)
    ties = tx.tensor([2.0, 7.0, 7.0, 1.0, 1.0] * 999)
    same(tx.argmax, ties), same(tx.argmin, ties)


@pytest.mark.parametrize("shape", [(4097,), (3, 1025), (1025, 3), (2, 300, 5)])
def test_scans(shape):
    x = values(shape)
    for dim in (0, -1):
        same(lambda a, dim=dim: a.cumsum(dim), x)
        same(lambda a, dim=dim: a.cummax(dim), x, exact=True)
        same(lambda a, dim=dim: a.logcumsumexp(dim), x)
    same(lambda a: a.cumsum(0), values(shape, tx.int32), exact=True)
    same(lambda a: (a / 3).cumprod(-1), x)


@pytest.mark.parametrize("shape", [(5, 7), (3, 1000), (2, 5000), (70, 33), (4, 9, 6)])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_softmax(shape, dtype):
    x = values(shape, dtype)
    for dim in (0, 1, -1):
        same(lambda a, dim=dim: a.softmax(dim), x)
        same(lambda a, dim=dim: a.log_softmax(dim), x)

    def gradient(a):
        a = a.detach().requires_grad_()
        (a.softmax(-1) ** 2).sum().backward()
        return a.grad

    same(gradient, x)


@pytest.mark.parametrize("classes", (2, 10, 1000))
def test_cross_entropy(classes):
    x, target = values((37, classes)), tx.randint(0, classes, (37,))
    target[3] = -100

    def both(logits, goal):
        logits = logits.detach().requires_grad_()
        loss = F.cross_entropy(logits, goal, label_smoothing=0.1)
        loss.backward()
        return loss.detach(), logits.grad

    same(both, x, target)
    bad = target.clone()
    bad[5] = classes
    with pytest.raises(IndexError, match="out of bounds"):
        F.cross_entropy(x.cuda(), bad.cuda()).item()


# ---- normalisation, pooling, convolution


@pytest.mark.parametrize("shape", [(4, 6), (37, 1000), (3, 4097)])
def test_layer_norm(shape):
    x, w, b = values(shape), values(shape[-1:], seed=1), values(shape[-1:], seed=2)

    def both(x, w, b):
        inputs = [t.detach().requires_grad_() for t in (x, w, b)]
        out = F.layer_norm(inputs[0], shape[-1:], inputs[1], inputs[2])
        (out * out.detach().sin()).sum().backward()
        return (out.detach(), *(t.grad for t in inputs))

    same(both, x, w, b)


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (70, 6), (2, 33, 17, 9)])
def test_batch_norm(shape):
    x, w, b = values(shape), values(shape[1:2], seed=1), values(shape[1:2], seed=2)

    def both(x, w, b):
        inputs = [t.detach().requires_grad_() for t in (x, w, b)]
        mean, var = tx.zeros_like(w), tx.ones_like(w)
        out = F.batch_norm(inputs[0], mean, var, inputs[1], inputs[2], training=True)
        (out * out.detach().sin()).sum().backward()
        return (out.detach(), mean, var, *(t.grad for t in inputs))

    same(both, x, w, b)


CONVOLUTIONS = [
    # input, weight, options
    ((2, 3, 9, 10), (4, 3, 3, 3), {}),
    ((2, 8, 17, 15), (70, 8, 3, 3), {"padding": 1}),
    ((1, 4, 12, 12), (6, 4, 5, 5), {"stride": 2, "padding": 2}),
    ((2, 6, 11, 9), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    ((2, 8, 8, 8), (4, 4, 3, 2), {"groups": 2, "dilation": 2, "padding": (2, 1)}),
    ((3, 5, 7, 7), (33, 5, 1, 1), {}),
]


@pytest.mark.parametrize("x_shape, w_shape, options", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", (tx.float32, tx.float64), ids=str)
def test_convolution(x_shape, w_shape, options, dtype):
    x, w, b = values(x_shape, dtype), values(w_shape, dtype, 1), values(w_shape[:1], dtype, 2)

    def both(x, w, b):
        inputs = [t.detach().requires_grad_() for t in (x, w, b)]
        out = F.conv2d(*inputs, **options)
        (out * out.detach().sin()).sum().backward()
        return (out.detach(), *(t.grad for t in inputs))

    same(both, x, w, b)


def with_gradients(x, w, g, **options):
    x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
    out = F.conv2d(x, w, **options)
    return (out, *tx.autograd.grad(out, (x, w), g(out)))


# Small tiles, large ones, ragged ones; every pass on tensor cores, as there are channels enough.
@pytest.mark.parametrize(
    "x_shape, w_shape, options",
    [
        ((2, 8, 9, 8), (16, 8, 3, 3), {"padding": 1}),
        ((2, 16, 7, 7), (24, 16, 1, 1), {}),
        ((4, 80, 12, 11), (96, 80, 3, 3), {"padding": 1}),
        ((3, 18, 13, 12), (20, 9, 3, 2), {"stride": 2, "dilation": 2, "padding": 2, "groups": 2}),
        ((1, 64, 40, 8), (8, 64, 5, 5), {"stride": (3, 1)}),
    ],
    ids=str,
)
def test_convolutions_in_tf32(x_shape, w_shape, options, allow_tf32):
    x, w = values(x_shape), values(w_shape, seed=1)

    def g(out):
        return tf32(values(out.shape, seed=2)).to(out.device)

    there = with_gradients(x.cuda(), w.cuda(), g, **options)
    exact, rounded = with_gradients(x, w, g, **options), with_gradients(tf32(x), tf32(w), g, **options)
    for a, b, c in zip(there, exact, rounded, strict=True):
        scale = b.abs().max().item()
        assert (a.cpu() - c).abs().max().item() < 2e-5 * scale < (a.cpu() - b).abs().max().item()
    bias = values((w_shape[0],), seed=3)
    got, wanted = F.conv2d(x.cuda(), w.cuda(), bias.cuda(), **options), F.conv2d(tf32(x), tf32(w), bias, **options)
    assert (got.cpu() - wanted).abs().max().item() < 2e-5 * wanted.abs().max().item()


@pytest.mark.parametrize("dtype", (tx.float16, tx.bfloat16), ids=str)
def test_convolutions_of_half_types_lose_nothing(dtype):
    """TF32 has their bits: tensor cores give what float32 gives, but for the order of sums."""
    x, w = values((2, 16, 9, 8), dtype), values((24, 16, 3, 3), dtype, seed=1)
    there = F.conv2d(x.cuda(), w.cuda(), padding=1).cpu().float()
    here = F.conv2d(x.float(), w.float(), padding=1)
    assert (there - here).abs().max().item() <= here.abs().max().item() * (2**-8 if dtype is tx.bfloat16 else 2**-11)


@pytest.mark.parametrize(
    "options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 3, "stride": 1}]
)
def test_pooling(options):
    def both(pool):
        def run(x):
            x = x.detach().requires_grad_()
            out = pool(x, **options)
            (out * out.detach().sin()).sum().backward()
            return out.detach(), x.grad

        return run

    for shape in ((2, 3, 9, 8), (1, 40, 17, 33)):
        same(both(F.max_pool2d), values(shape))
        same(both(F.avg_pool2d), values(shape))


# ---- matrix products


PRODUCTS = [
    (1, 1, 1),
    (3, 5, 7),
    (33, 65, 31),
    (128, 128, 128),
    (130, 257, 66),
    (1, 1000, 1),
    (1, 300, 200),
    (200, 300, 1),
    (2, 4100, 3),
    (256, 16, 300),
]


@pytest.mark.parametrize("m, k, n", PRODUCTS)
@pytest.mark.parametrize("dtype", (*FLOATS, tx.int32, tx.uint8), ids=str)
def test_matmul(m, k, n, dtype):
    a, b = values((m, k), dtype), values((k, n), dtype, 1)
    same(lambda a, b: a @ b, a, b)
    same(lambda a, b: a.t().contiguous().t() @ b.t().contiguous().t(), a, b)
    if dtype.is_floating_point:
        bias, c = values((n,), dtype, 2), values((m, n), dtype, 3)
        same(lambda a, b, bias: tx.addmm(bias, a, b), a, b, bias)
        same(lambda a, b, c: tx.addmm(c, a, b, beta=0.5, alpha=2), a, b, c)
        same(lambda a, b, bias: F.linear(a, b.t(), bias), a, b, bias)


def test_batched_matmul():
    a, b = values((5, 33, 40)), values((5, 40, 17), seed=1)
    same(lambda a, b: a @ b, a, b)
    same(lambda a, b: a @ b[0], a, b)
    same(lambda a, b: a[:1].expand(5, 33, 40) @ b, a, b)
    same(
        lambda a, b: a.transpose(1, 2) @ b.transpose(1, 2)[:, :, :33].transpose(1, 2),
        values((5, 33, 40)),
        values((5, 33, 40), seed=1),
    )
    same(lambda a, v: a @ v, a, values((40,), seed=2))


def transposed_in_memory(x):
    return x.mT.contiguous().mT


# On tensor cores: rows or columns begin at multiples of 16 bytes, and neither operand is a few vectors.
@pytest.mark.parametrize("m, k, n", [(8, 8, 8), (64, 40, 64), (132, 260, 68), (100, 4100, 12), (260, 16, 388)])
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_products_in_tf32(m, k, n, batch, allow_tf32):
    a, b = values((*batch, m, k)), values((*batch, k, n), seed=1)
    bias, c = values((n,), seed=2), values((*batch, m, n), seed=3)
    for f in (
        lambda a, b: a @ b,
        lambda a, b: transposed_in_memory(a) @ b,
        lambda a, b: a @ transposed_in_memory(b),
        lambda a, b: transposed_in_memory(a) @ transposed_in_memory(b),
        lambda a, b: F.linear(a, b.mT, bias.to(a.device)) if not batch else a @ b,
        lambda a, b: (
            tx.addmm(c.to(a.device), a, b, beta=0.5, alpha=2) if not batch else tx.baddbmm(c.to(a.device), a, b)
        ),
        lambda a, b: tx._addmm_activation(bias.to(a.device), a, b, use_gelu=True) if not batch else a @ b,
    ):
        there, exact, rounded = f(a.cuda(), b.cuda()).cpu(), f(a, b), f(tf32(a), tf32(b))
        scale = exact.abs().max().item()
        assert (there - rounded).abs().max().item() < 2e-5 * scale < (there - exact).abs().max().item()


@pytest.mark.parametrize("m, k, n", [(64, 63, 65), (64, 64, 1), (2, 64, 64)])
def test_products_that_tensor_cores_cannot_read_are_exact(m, k, n, allow_tf32):
    same(lambda a, b: a @ b, values((m, k)), values((k, n), seed=1))
    same(lambda a, b: a @ b, values((m, k), tx.float64), values((k, n), tx.float64, seed=1))


def test_tf32_has_the_range_of_float32(allow_tf32):
    a = tx.eye(8).cuda()
    b = tx.ones(8, 8)
    b[0, 0], b[1, 1], b[2, 2], b[3, 3], b[4, 4] = float("inf"), float("nan"), 3e38, 1e-38, -float("inf")
    there = (a @ b.cuda()).cpu()  # 0 * inf is nan, as in any product
    assert there[:, 0].isnan().sum() == 7 and there[0, 0] == float("inf")
    assert there[:, 1].isnan().all() and there[:, 4].isnan().sum() == 7
    np.testing.assert_allclose(there[:, [2, 3, 5]].numpy(), b[:, [2, 3, 5]].numpy(), rtol=2**-11)


# ---- indexing, sorting, joining


@pytest.mark.parametrize("n", (1, 33, 1000, 20011))
def test_gather_and_scatter(n):
    x, index = values((n, 3)), tx.randint(0, n, (2 * n,))
    same(lambda x, i: x[i], x, index, exact=True)
    same(lambda x, i: x.index_select(0, i), x, index, exact=True)
    source = values((2 * n, 3), seed=4)
    same(lambda x, i, s: x.index_add(0, i, s), x, index, source)
    same(lambda x, i, s: x.scatter_add(0, i.unsqueeze(1).expand(2 * n, 3), s), x, index, source)
    same(lambda x, i, s: x.index_copy(0, i, s), x, index, source, exact=True)  # the last write counts
    mask = values((n, 3), tx.bool)
    same(lambda x, m: x[m], x, mask, exact=True)
    same(lambda x, m: x.masked_fill(m, 7.0), x, mask, exact=True)
    same(lambda m: m.nonzero(), mask, exact=True)
    with pytest.raises(IndexError, match="out of bounds"):
        x.cuda()[tx.tensor([n]).cuda()].cpu()


def test_float_sums_by_index_are_the_same_every_time():
    index = tx.randint(0, 5, (10007,)).cuda()
    source = values((10007,)).cuda()
    found = {tuple(tx.zeros(5, device="cuda").index_add(0, index, source).tolist()) for _ in range(5)}
    assert len(found) == 1


@pytest.mark.parametrize("dtype", (*FLOATS, *INTEGERS, tx.bool), ids=str)
@pytest.mark.parametrize("n", (1, 33, 512, 1000, 5003))
def test_sort(n, dtype):
    x = values((3, n), dtype)
    if dtype.is_floating_point and n > 5:
        x[0, 1], x[1, 2], x[2, 3] = float("nan"), float("inf"), -0.0
    for descending in (False, True):
        there, here = (t.sort(dim=-1, descending=descending, stable=True) for t in (x.cuda(), x))
        assert there.indices.tolist() == here.indices.tolist()
        assert repr(there.values.cpu().tolist()) == repr(here.values.tolist())
    if dtype is not tx.bool and n > 1:
        same(lambda a: a.topk(min(n, 7))[0], x)
        same(lambda a: a.kthvalue(n // 2 + 1), x)


def test_unique_and_search():
    x = tx.randint(0, 50, (5000,))
    same(lambda a: tx.unique(a, return_inverse=True, return_counts=True), x)
    edges = values((100,)).sort().values
    same(lambda e, v: tx.searchsorted(e, v), edges, values((3, 77), seed=1))


def test_joining():
    parts = [values((n, 5), seed=n) for n in (1, 70, 3)]
    same(lambda *p: tx.cat(p), *parts, exact=True)
    same(lambda *p: tx.cat([q.t() for q in p], 1), *parts, exact=True)
    same(lambda a: tx.repeat_interleave(a, tx.tensor([2, 0, 3]).to(a.device), 0), values((3, 4)), exact=True)
    same(lambda a: a.tril(1), values((3, 40, 50)), exact=True)


# ---- random numbers and optimisers


@pytest.mark.parametrize("n", (1, 33, 10007))
def test_random_numbers_are_the_cpus(n):
    def drawn(f):
        found = []
        for device in ("cpu", "cuda"):
            tx.manual_seed(7)
            found.append(f(device).cpu())
        return found

    for dtype in (tx.float32, tx.float64):
        here, there = drawn(lambda d, dtype=dtype: tx.rand(n, device=d, dtype=dtype))
        assert here.tolist() == there.tolist()
        here, there = drawn(lambda d, dtype=dtype: tx.randn(n, device=d, dtype=dtype))
        np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-6)
    for f in (
        lambda d: tx.randint(-5, 1000, (n,), device=d),
        lambda d: tx.randperm(n, device=d),
        lambda d: tx.bernoulli(tx.full((n,), 0.3, device=d)),
        lambda d: F.dropout(tx.ones(n, device=d), 0.4),
    ):
        here, there = drawn(f)
        assert here.tolist() == there.tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: tx.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: tx.optim.Adam(p, lr=0.01, amsgrad=True),
        lambda p: tx.optim.AdamW(p, lr=0.01),
    ],
)
def test_optimizers(make):
    def trained(device):
        parameters = [
            values(s, seed=i).to(device).requires_grad_() for i, s in enumerate([(3,), (70, 5), (5000,), (1, 1)])
        ]
        optimizer = make(parameters)
        for step in range(4):
            for i, p in enumerate(parameters):
                p.grad = values(p.shape, seed=10 * step + i).to(device)
            optimizer.step()
        return parameters

    for a, b in zip(trained("cuda"), trained("cpu"), strict=True):
        np.testing.assert_allclose(a.detach().cpu(), b.detach(), rtol=2e-5, atol=1e-6)


# ---- a whole network


def test_an_epoch_of_digits_gives_the_cpus_loss(monkeypatch):
    """The network of examples/digits.py, without dropout, whose masks come from each device's own generator."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    pytest.importorskip("tqdm", reason="the example's progress bar: pip install '.[bench]'")
    pytest.importorskip("matplotlib", reason="the example's pictures: pip install '.[bench]'")
    from digits import DigitNet, load_digits

    def losses(device):
        tx.manual_seed(0)
        model = DigitNet()
        model.dropout.p = 0.0
        model.to(device)
        images, labels = load_digits()
        order = tx.randperm(len(images))
        optimizer = tx.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        found = []
        for batch in order.split(128):
            loss = F.cross_entropy(model(images[batch].to(device)), labels[batch].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    np.testing.assert_allclose(losses("cuda"), losses("cpu"), atol=1e-4)
