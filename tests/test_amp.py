"""Autocast: what is computed, regions, the cache of casts. test_amp_lists.py has the lists of ops."""

import gc
import threading

import pytest

import tensorx as tx
import tensorx.nn.functional as F
from amp_calls import LOWER_DTYPE
from tensorx import amp
from tensorx.amp.casting import region
from tensorx.utils.checkpoint import checkpoint
from tensorx.watching import watch_calls


@pytest.fixture(autouse=True)
def off_before_and_after():
    assert region.on == () and region.depth == 0 and not region.cache
    yield
    assert region.on == () and region.depth == 0 and not region.cache


# ---- what is computed


def test_values_are_those_of_explicit_casts(device):
    tx.manual_seed(0)
    lower = getattr(tx, LOWER_DTYPE[device])
    layer = tx.nn.Linear(8, 4).to(device)
    x = tx.randn(3, 8, device=device)
    with tx.autocast(device):
        y = layer(x)
        loss = F.mse_loss(y, tx.zeros(3, 4, device=device))
    loss.backward()
    expected = F.linear(x.to(lower), layer.weight.to(lower), layer.bias.to(lower))
    assert y.dtype == lower and tx.equal(y, expected)
    gradient = tx.autograd.grad(F.mse_loss(expected.float(), tx.zeros(3, 4, device=device)), layer.weight)[0]
    assert layer.weight.grad.dtype == tx.float32 and tx.equal(layer.weight.grad, gradient)


@pytest.mark.parametrize("dtype", ["float64", "int64", "complex64"])
def test_other_dtypes_are_left_alone(dtype, device):
    x = tx.ones(2, 2, dtype=getattr(tx, dtype), device=device)
    with tx.autocast(device):
        assert (x @ x).dtype == x.dtype and x.prod().dtype == (x * x).prod().dtype
        if dtype == "float64":
            assert x.softmax(0).dtype == x.dtype and F.mse_loss(x, x).dtype == x.dtype


def test_a_given_dtype_is_respected():
    x = tx.ones(2, 2, device="cuda", dtype=tx.float16) if tx.cuda.is_available() else pytest.skip("no CUDA device")
    with tx.autocast("cuda"):
        for dtype in (tx.float16, tx.float64):
            assert x.sum(dtype=dtype).dtype == dtype
            assert x.softmax(0, dtype).dtype == dtype
            assert tx.linalg.vector_norm(x, dtype=dtype).dtype == dtype
        assert x.softmax(0, None).dtype == tx.float32 and tx.sum(input=x).dtype == tx.float32


def test_in_place_and_out_have_a_dtype_already(device):
    lower = getattr(tx, LOWER_DTYPE[device])
    a, out = tx.ones(2, 2, device=device), tx.empty(2, 2, device=device)
    with tx.autocast(device):
        assert a.addmm_(a, a).dtype == tx.float32
        assert tx.mm(a, a, out=out) is out and out.dtype == tx.float32
        assert tx.mm(a, a).dtype == lower


def test_interpolation_by_area_is_an_average_pool():
    if not tx.cuda.is_available():
        pytest.skip("no CUDA device")
    x = tx.ones(1, 2, 4, 4, dtype=tx.float16, device="cuda")
    with tx.autocast("cuda"):
        assert F.interpolate(x, 2, mode="area").dtype == tx.float16
        assert F.interpolate(x, 2, mode="bilinear").dtype == tx.float32


def test_widest_refuses_another_half():
    with tx.autocast("cpu"), pytest.raises(RuntimeError, match=r"cat\(\).*bfloat16.*float16"):
        tx.cat([tx.ones(2, dtype=tx.float16), tx.ones(2, dtype=tx.float16)])


def test_only_tensors_of_the_type_of_device_are_cast():
    if not tx.cuda.is_available():
        pytest.skip("no CUDA device")
    here, there = tx.ones(2, 2), tx.ones(2, 2, device="cuda")
    with tx.autocast("cuda"):
        assert (here @ here).dtype == tx.float32 and (there @ there).dtype == tx.float16
        with tx.autocast("cpu"):
            assert (here @ here).dtype == tx.bfloat16 and (there @ there).dtype == tx.float16
            assert tx.is_autocast_enabled("cpu") and tx.is_autocast_enabled()
        assert (here @ here).dtype == tx.float32


def test_sparse_tensors_are_cast_as_others():
    sparse = tx.eye(3).to_sparse().requires_grad_()
    with tx.autocast("cpu"):
        assert tx.mm(sparse, tx.ones(3, 3)).dtype == tx.bfloat16 and not region.cache


def test_backward_within_the_region_runs_in_the_dtypes_of_forward():
    a = tx.eye(3, requires_grad=True)
    with tx.autocast("cpu"):
        tx.linalg.inv(a).sum().backward()
        assert tx.is_autocast_enabled("cpu")
    assert a.grad.dtype == tx.float32


def test_gradients_of_gradients():
    x = tx.randn(4, 3).requires_grad_()
    layer = tx.nn.Linear(3, 1)
    with tx.autocast("cpu"):
        y = layer(x).sum()
        (g,) = tx.autograd.grad(y, x, create_graph=True)
        penalty = g.square().sum()
    penalty.backward()
    assert tx.allclose(layer.weight.grad, 8 * layer.weight, rtol=1e-2)


def test_vmap_and_grad():
    tx.manual_seed(0)
    weight, x = tx.randn(3, 2), tx.randn(5, 3)
    with tx.autocast("cpu"):
        assert tx.vmap(lambda row: row @ weight)(x).dtype == tx.bfloat16
        gradient = tx.func.grad(lambda w: (x @ w).float().sum())(weight)
        assert tx.vmap(lambda w: (x @ w).sum())(tx.ones(2, 3, 2, requires_grad=True)).dtype == tx.bfloat16
    assert gradient.dtype == tx.float32 and tx.allclose(gradient[:, 0], x.sum(0), rtol=2e-2, atol=2e-2)


def test_a_checkpoint_is_computed_again_as_it_was():
    tx.manual_seed(0)
    model = tx.nn.Sequential(tx.nn.Linear(4, 8), tx.nn.Tanh(), tx.nn.Linear(8, 1))
    x = tx.randn(3, 4)
    gradients = []
    for call in (model, lambda x: checkpoint(model, x, use_reentrant=False)):
        with tx.autocast("cpu"):
            loss = call(x).float().sum()
        model.zero_grad()
        loss.backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    assert all(tx.equal(a, b) for a, b in zip(*gradients, strict=True))


def calls_in(run):
    """The names of the ops that run() calls."""
    seen = []
    handle = watch_calls(lambda op, arguments: seen.append(op.name))
    try:
        run()
    finally:
        handle.remove()
    return seen


def test_calls_are_watched_with_their_casts():
    def product():
        with tx.autocast("cpu"):
            tx.ones(2, 2) @ tx.ones(2, 2)

    assert calls_in(product)[-3:] == ["_cast", "_cast", "matmul"]


def test_composite_functions_look_like_functions():
    import copy
    import inspect
    import pickle

    assert inspect.signature(F.l1_loss).parameters["reduction"].default == "mean"
    assert F.l1_loss.__name__ == "l1_loss" and F.l1_loss.__module__.startswith("tensorx.") and F.l1_loss.__doc__
    assert pickle.loads(pickle.dumps(F.l1_loss)) is F.l1_loss and copy.deepcopy(F.l1_loss) is F.l1_loss
    with pytest.raises(TypeError, match=r"l1_loss\(\)"):
        F.l1_loss()
    with pytest.raises(TypeError):
        tx._C.Composite(1)
    assert tx._C.Composite(lambda: 3)() == 3


# ---- regions


def test_nested_and_disabled_regions(device):
    x = tx.ones(2, 2, device=device)
    with tx.autocast(device, dtype=tx.bfloat16):
        assert (x @ x).dtype == tx.bfloat16
        with tx.autocast(device, enabled=False):
            assert (x @ x).dtype == tx.float32 and not tx.is_autocast_enabled(device)
            with tx.autocast(device, dtype=tx.float16):
                assert (x @ x).dtype == tx.float16 and tx.get_autocast_dtype(device) == tx.float16
        assert (x @ x).dtype == tx.bfloat16
    assert (x @ x).dtype == tx.float32


def test_an_error_ends_the_region():
    with pytest.raises(ZeroDivisionError), tx.autocast("cpu"):
        1 / 0
    with tx.autocast("cpu"), pytest.raises(RuntimeError):
        tx.mm(tx.ones(2, 3), tx.ones(2, 3))


def test_one_object_may_be_entered_again_and_decorates():
    once = tx.autocast("cpu")

    @once
    def product(x, depth):
        """Documented."""
        return product(x, depth - 1) if depth else x @ x

    with once, once:
        pass
    assert product(tx.ones(2, 2), 3).dtype == tx.bfloat16 and product.__doc__ == "Documented."
    with pytest.raises(TypeError, match="requires a callable"):
        once(3)


def test_a_region_is_of_its_thread():
    seen = []

    def elsewhere():
        seen.append((tx.is_autocast_enabled("cpu"), (tx.ones(2, 2) @ tx.ones(2, 2)).dtype))
        with tx.autocast("cpu", dtype=tx.float16):
            entered.set()
            left.wait(10)
            seen.append((tx.ones(2, 2) @ tx.ones(2, 2)).dtype)

    entered, left = threading.Event(), threading.Event()
    with tx.autocast("cpu"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        assert entered.wait(10)
        assert (tx.ones(2, 2) @ tx.ones(2, 2)).dtype == tx.bfloat16
    assert (tx.ones(2, 2) @ tx.ones(2, 2)).dtype == tx.float32
    left.set()
    thread.join()
    assert seen == [(False, tx.float32), tx.float16]


def test_asking_and_setting():
    assert tx.autocast is amp.autocast
    assert [amp.is_autocast_available(device) for device in ("cpu", "cuda", "tpu")] == [True, True, False]
    assert (tx.get_autocast_cpu_dtype(), tx.get_autocast_gpu_dtype()) == (tx.bfloat16, tx.float16)
    try:
        tx.set_autocast_cpu_dtype(tx.float16)
        tx.set_autocast_cpu_enabled(True)
        assert tx.is_autocast_cpu_enabled() and not tx.is_autocast_enabled()
        assert (tx.ones(2, 2) @ tx.ones(2, 2)).dtype == tx.float16
        tx.set_autocast_enabled(True)
        assert tx.is_autocast_enabled("cuda")
    finally:
        tx.set_autocast_enabled("cuda", False)
        tx.set_autocast_enabled("cpu", False)
        tx.set_autocast_dtype("cpu", tx.bfloat16)
        tx.set_autocast_gpu_dtype(tx.float16)
    assert tx.is_autocast_cache_enabled()
    with tx.autocast("cpu", cache_enabled=False):
        assert not tx.is_autocast_cache_enabled()
        tx.set_autocast_cache_enabled(True)
        with tx.autocast("cpu"):
            assert tx.is_autocast_cache_enabled()
    assert tx.is_autocast_cache_enabled()
    assert (tx.autocast_increment_nesting(), tx.autocast_decrement_nesting()) == (1, 0)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="str"):
        tx.autocast(tx.device("cpu"))
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tpu'"):
        tx.autocast("tpu")
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        tx.is_autocast_enabled("tpu")
    with pytest.raises(RuntimeError, match=r"float16 or tensorx\.bfloat16"):
        tx.set_autocast_dtype("cpu", tx.float32)
    with pytest.warns(UserWarning, match=r"float32.*not supported"), tx.autocast("cpu", dtype=tx.float32):
        assert not tx.is_autocast_enabled("cpu")


def test_old_names():
    for module, device in ((tx.cpu.amp, "cpu"), (tx.cuda.amp, "cuda")):
        if device == "cuda" and not tx.cuda.is_available():
            continue
        with pytest.warns(FutureWarning, match="deprecated"):
            old = module.autocast()
        with old:
            assert tx.is_autocast_enabled(device)
        with pytest.warns(FutureWarning, match="deprecated"):
            assert module.GradScaler(init_scale=8.0).get_scale() == 8.0


# ---- the cache of casts


def test_a_weight_is_cast_once_per_region():
    weight, x = tx.ones(3, 3, requires_grad=True), tx.ones(3, 3, dtype=tx.bfloat16)

    def twice():
        with tx.autocast("cpu"):
            total = (x @ weight).sum() + (x @ weight).sum()
            with tx.autocast("cpu", enabled=False):
                pass
            total = total + (x @ weight).sum()
            assert len(region.cache) == 1
        total.backward()

    assert calls_in(twice).count("_cast") == 2  # the weight's, and that of its gradient
    assert weight.grad.dtype == tx.float32 and (weight.grad == 9).all()
    assert not region.cache


def test_two_losses_share_a_cast_and_run_backward_one_by_one():
    weight, x = tx.ones(3, 3, requires_grad=True), tx.ones(3, 3)
    with tx.autocast("cpu"):
        losses = [(x @ weight).float().sum() for _ in range(2)]
    for loss in losses:
        loss.backward()
    assert (weight.grad == 6).all()


def test_what_is_not_kept():
    weight, x = tx.ones(3, 3, requires_grad=True), tx.ones(3, 3, dtype=tx.bfloat16)
    others = {
        "no gradient": weight.detach(),
        "a view": weight.detach()[:].requires_grad_(),
        "no leaf": weight * 1,
    }
    for other in others.values():
        with tx.autocast("cpu"):
            x @ other
            assert not region.cache
    with tx.autocast("cpu", cache_enabled=False):
        x @ weight
        assert not region.cache


def test_a_cast_without_gradient_does_not_serve_where_there_is_one():
    weight, x = tx.ones(3, 3, requires_grad=True), tx.ones(3, 3)
    with tx.autocast("cpu"):
        with tx.no_grad():
            assert not (x @ weight).requires_grad
        with tx.inference_mode():
            x @ weight
        y = x @ weight
        with tx.no_grad():
            assert not (x @ weight).requires_grad
    y.sum().backward()
    assert weight.grad is not None


def test_a_weight_that_changed_is_cast_again():
    weight, x = tx.ones(2, 2, requires_grad=True), tx.ones(2, 2)
    with tx.autocast("cpu"):
        assert (x @ weight).sum() == 8
        with tx.no_grad():
            weight.mul_(2)
        assert (x @ weight).sum() == 16
        tx.clear_autocast_cache()
        assert not region.cache


def test_the_cache_keeps_no_weight_alive_after_the_region():
    import weakref

    weight = tx.nn.Parameter(tx.ones(2, 2))
    alive = weakref.ref(weight)
    with tx.autocast("cpu"):
        tx.ones(2, 2) @ weight
    del weight
    gc.collect()
    assert alive() is None


# ---- functions of one's own


class Double(tx.autograd.Function):
    @staticmethod
    @amp.custom_fwd(device_type="cpu")
    def forward(ctx, x):
        Double.seen = [tx.is_autocast_enabled("cpu"), (x @ x).dtype]
        return x * 2

    @staticmethod
    @amp.custom_bwd(device_type="cpu")
    def backward(ctx, g):
        Double.seen += [tx.is_autocast_enabled("cpu"), (g @ g).dtype]
        return g * 2


class Cast(tx.autograd.Function):
    @staticmethod
    @amp.custom_fwd(device_type="cpu", cast_inputs=tx.float32)
    def forward(ctx, x, more):
        Cast.seen = [tx.is_autocast_enabled("cpu"), x.dtype, more["weight"][0].dtype, more["count"].dtype]
        return x * 2

    @staticmethod
    @amp.custom_bwd(device_type="cpu")
    def backward(ctx, g):
        Cast.seen.append(tx.is_autocast_enabled("cpu"))
        return g * 2, None


def test_custom_functions_run_backward_as_forward():
    x = tx.ones(2, 2, requires_grad=True)
    with tx.autocast("cpu", dtype=tx.float16):
        y = Double.apply(x)
    y.sum().backward()
    assert Double.seen == [True, tx.float16, True, tx.float16]
    Double.apply(x).sum().backward()
    assert Double.seen == [False, tx.float32, False, tx.float32]


def test_custom_functions_cast_their_inputs():
    x = tx.ones(2, 2, dtype=tx.bfloat16, requires_grad=True)
    more = {"weight": [tx.ones(2, dtype=tx.float16)], "count": tx.ones(2, dtype=tx.float64)}
    with tx.autocast("cpu"):
        Cast.apply(x, more).sum().backward()
    assert Cast.seen == [False, tx.float32, tx.float32, tx.float64, False]
    assert x.grad.dtype == tx.bfloat16
    Cast.apply(x, more)
    assert Cast.seen == [False, tx.bfloat16, tx.float16, tx.float64]
    with pytest.raises(ValueError, match="str"):
        amp.custom_fwd(device_type=tx.device("cpu"))
