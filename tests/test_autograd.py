"""The engine itself: what is recorded, what a backward pass does, what is freed, and what is refused."""

import gc
import signal
import threading
import weakref

import numpy as np
import pytest

import tensorx as tx
from tensorx.autograd import Function, grad


def leaf(*values, dtype=tx.float64):
    return tx.tensor(list(values), dtype=dtype, requires_grad=True)


def close(x, *expected):
    np.testing.assert_allclose(np.array(x.tolist()), np.array(expected), rtol=1e-12)


# ---- accumulation


def test_gradients_add_up():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    close(x.grad, 5.0, 7.0)


def test_one_tensor_used_twice_by_one_op():
    x = leaf(2.0, 3.0)
    (x * x).sum().backward()
    close(x.grad, 4.0, 6.0)


def test_diamond():
    x = leaf(2.0)
    a = x * 3
    (a * a + a.exp() * 0 + a).sum().backward()
    close(x.grad, 39.0)


def test_several_outputs_of_one_node():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    first, second = x.split(2)
    (first * 2 + second * second).sum().backward()
    close(x.grad, 2.0, 2.0, 6.0, 8.0)


def test_an_output_that_nothing_used():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    x.split(2)[1].sum().backward()
    close(x.grad, 0.0, 0.0, 1.0, 1.0)


def test_broadcast_gradients_are_summed():
    x, y = leaf(1.0, 2.0), tx.ones(3, 1, dtype=tx.float64, requires_grad=True)
    (x * y).sum().backward()
    close(x.grad, 3.0, 3.0)
    close(y.grad, [3.0], [3.0], [3.0])


def test_mixed_dtypes_keep_each_gradient_in_its_inputs_dtype():
    x, y = tx.ones(3, dtype=tx.float32, requires_grad=True), tx.ones(3, dtype=tx.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype is tx.float32 and y.grad.dtype is tx.float64


def test_the_first_gradient_is_not_shared_with_the_one_passed_in():
    x, seed = leaf(1.0, 2.0), tx.ones(2, dtype=tx.float64)
    (x + 0).backward(seed)
    x.grad.add_(1)
    close(seed, 1.0, 1.0)
    y, z = leaf(1.0), leaf(1.0)
    (y + z).sum().backward()
    y.grad.mul_(5)
    close(z.grad, 1.0)


def test_zeroing_a_gradient_keeps_its_memory():
    x = leaf(1.0)
    (x * 2).sum().backward()
    first = x.grad
    first.zero_()
    (x * 3).sum().backward()
    assert x.grad is first
    close(first, 3.0)
    x.grad = None
    (x * 3).sum().backward()
    close(x.grad, 3.0)


@pytest.mark.parametrize("wrong", [lambda: tx.ones(3), lambda: 1.0, lambda: tx.ones(2, dtype=tx.int64)])
def test_grad_must_fit_its_tensor(wrong):
    x = tx.ones(2, requires_grad=True)
    with pytest.raises((RuntimeError, TypeError)):
        x.grad = wrong()
    assert x.grad is None


# ---- depth


DEPTH = 100_000


def test_deep_chain():
    x = leaf(1.0)
    y = x
    for _ in range(DEPTH):
        y = y + 1
    y.backward()
    close(x.grad, 1.0)
    del y


def test_deep_chain_is_dropped_without_backward():
    x = leaf(1.0)
    y = x
    for _ in range(DEPTH):
        y = y * 1.0000001
    alive = weakref.ref(y)
    del y
    assert alive() is None


def test_deep_chain_of_views_and_of_functions():
    x = leaf(1.0, 2.0)
    y = x
    for _ in range(DEPTH // 10):
        y = Double.apply(y.view(2, 1).view(2)) * 0.5
    y.sum().backward()
    close(x.grad, 1.0, 1.0)


# ---- keeping and freeing the graph


def test_second_backward_needs_retain_graph():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    close(x.grad, 8.0)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    close(x.grad, 8.0)


def test_a_node_that_saves_nothing_can_run_again():
    x = leaf(2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    close(x.grad, 4.0)


def test_backward_frees_what_was_saved():
    x = leaf(*range(1000))
    y = x * 2
    saved = weakref.ref(y)
    z = (y * y).sum()
    del y
    z.backward()
    assert saved() is None


def test_memory_is_given_back():
    tx._C.empty_cache()
    before = tx._C.memory_stats()
    current = next(k for k in before if "current" in k or "allocated" in k)
    x = tx.ones(1000, 1000, requires_grad=True)
    y = x
    for _ in range(5):
        y = (y * 2).exp().log()
    held = tx._C.memory_stats()[current]
    y.sum().backward()
    del y
    x.grad = None
    assert held >= before[current] + 5 * 4_000_000
    assert tx._C.memory_stats()[current] <= before[current] + (5 << 20)  # x itself, in its size class


def test_no_reference_cycles():
    """With the collector off, a training loop's memory stays flat: everything dies by reference count."""
    gc.collect()
    gc.disable()
    try:
        x = tx.ones(50, 50, requires_grad=True)
        sizes = []
        for i in range(1000):
            y = (x * 2).tanh().exp() * 1
            y.retain_grad()
            y[1:].mul_(2)
            y.sum().backward()
            x.grad = None
            if i % 500 == 100:
                del y
                sizes.append((len(gc.get_objects()), _bytes_in_use()))
        assert sizes[1][1] <= sizes[0][1] + 100_000
        assert sizes[1][0] <= sizes[0][0] + 50
    finally:
        gc.enable()


def _bytes_in_use():
    stats = tx._C.memory_stats()
    return stats[next(k for k in stats if "current" in k or "allocated" in k)]


@pytest.mark.parametrize("make", [lambda x: x.exp(), lambda x: x.view(2), lambda x: x * 2, lambda x: Double.apply(x)])
def test_an_output_dies_with_its_last_name(make):
    gc.disable()
    try:
        y = make(leaf(1.0, 2.0))
        alive = weakref.ref(y)
        y.sum().backward(retain_graph=True)
        del y
        assert alive() is None
    finally:
        gc.enable()


def test_graph_keeps_a_leaf_only_as_long_as_needed():
    x = leaf(1.0)
    alive = weakref.ref(x)
    y = x * 2
    del x
    y.backward()
    del y
    assert alive() is None


# ---- higher order


def test_second_and_third_order():
    x = leaf(2.0)
    first = grad((x**4).sum(), x, create_graph=True)[0]
    second = grad(first.sum(), x, create_graph=True)[0]
    (third,) = grad(second.sum(), x)
    close(first, 32.0)
    close(second, 48.0)
    close(third, 48.0)


def test_create_graph_through_backward():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    first, x.grad = x.grad, None
    first.sum().backward()
    close(x.grad, 18.0)


@pytest.mark.parametrize(
    "function", [lambda x: x.tanh(), lambda x: x.sigmoid(), lambda x: x.exp() / (1 + x * x), lambda x: (x * x).sqrt()]
)
def test_third_order_by_differences(function):
    x = leaf(0.3, -0.7, 1.1)

    def second(x):
        (first,) = grad(function(x).sum(), x, create_graph=True)
        return grad((first * first).sum(), x, create_graph=True)[0]

    assert tx.autograd.gradcheck(second, (x,))


def test_gradient_penalty():
    x, w = leaf(1.0, 2.0), leaf(0.5, -1.0)
    (g,) = grad((x * w).exp().sum(), x, create_graph=True)
    (g * g).sum().backward()
    value = np.exp(np.array([1.0, 2.0]) * [0.5, -1.0])
    w0 = np.array([0.5, -1.0])
    close(w.grad, *(2 * w0 * value**2 + 2 * w0**2 * value**2 * [1.0, 2.0]))


# ---- grad mode


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with tx.no_grad():
        y = x * 2
        assert not tx.is_grad_enabled()
    assert tx.is_grad_enabled() and not y.requires_grad and y.is_leaf


def test_modes_nest():
    with tx.no_grad():
        with tx.enable_grad():
            assert tx.is_grad_enabled()
            with tx.set_grad_enabled(False):
                assert not tx.is_grad_enabled()
            assert tx.is_grad_enabled()
        assert not tx.is_grad_enabled()
    assert tx.is_grad_enabled()


@pytest.mark.parametrize("mode", [tx.no_grad, tx.inference_mode, lambda: tx.set_grad_enabled(False)])
def test_a_mode_ends_with_an_exception(mode):
    with pytest.raises(ZeroDivisionError), mode():
        1 / 0
    assert tx.is_grad_enabled() and not tx.is_inference_mode_enabled()


def test_set_grad_enabled_acts_at_once():
    tx.set_grad_enabled(False)
    try:
        assert not tx.is_grad_enabled()
    finally:
        tx.set_grad_enabled(True)
    assert tx.is_grad_enabled()


def test_decorated_function_and_bare_decorator():
    @tx.no_grad()
    def with_call(x):
        return x * 2

    @tx.no_grad
    def bare(x):
        return x * 2

    x = leaf(1.0)
    for function in (with_call, bare):
        assert not function(x).requires_grad
        assert tx.is_grad_enabled()
    assert with_call.__name__ == "with_call"


def test_decorated_generator():
    @tx.no_grad()
    def values():
        received = yield tx.is_grad_enabled()
        yield (received, tx.is_grad_enabled())

    generator = values()
    assert next(generator) is False
    assert tx.is_grad_enabled()
    assert generator.send("sent") == ("sent", False)
    assert tx.is_grad_enabled()


def test_modes_belong_to_a_thread():
    seen = []
    with tx.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tx.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_mode():
    x = leaf(1.0)
    with tx.inference_mode():
        y = x * 2
        assert tx.is_inference_mode_enabled()
    assert not y.requires_grad and y.is_leaf
    with tx.inference_mode(False):
        assert (x * 2).requires_grad


# ---- leaves and in-place


def test_leaf_rules():
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf and not y.is_leaf and y.grad_fn is not None and x.grad_fn is None
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0] = 2.0
    with pytest.raises(RuntimeError, match="leaf"):
        x.view(1).mul_(2)
    with pytest.raises(RuntimeError):
        y.requires_grad = False
    with tx.no_grad():
        x.add_(1)
    close(x, 2.0)


def test_only_floats_require_gradients():
    with pytest.raises(RuntimeError, match="float"):
        tx.ones(2, dtype=tx.int64).requires_grad_()
    with pytest.raises(RuntimeError):
        tx.tensor([1, 2], requires_grad=True)


def test_changing_what_was_saved_is_noticed():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="in-?place"):
        z.backward()


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.view(2).add_(1),
        lambda y: y[0:1].zero_(),
        lambda y: y.detach().add_(1),
        lambda y: y.detach()[1:].fill_(3),
    ],
)
def test_changing_what_was_saved_through_a_view_is_noticed(change):
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    change(y)
    with pytest.raises(RuntimeError, match="in-?place"):
        z.backward()


def test_changes_under_no_grad_count_too():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    with tx.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="in-?place"):
        y.backward()


def test_changing_what_was_not_saved_is_fine():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = (y + 1).sum()
    y.mul_(5)
    z.backward()
    close(x.grad, 1.0, 1.0)


def test_in_place_is_recorded():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.mul_(3)
    y.add_(x)
    y.sum().backward()
    close(x.grad, 7.0, 7.0)


def test_in_place_on_a_view_reaches_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(5)
    y.sum().backward()
    close(x.grad, 1.0, 5.0, 5.0)


def test_in_place_on_the_base_reaches_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    view = y[1:]
    y.mul_(5)
    view.sum().backward()
    close(x.grad, 0.0, 5.0, 5.0)


def test_in_place_on_a_view_of_a_view_reaches_its_siblings():
    x = tx.ones(4, 4, dtype=tx.float64, requires_grad=True)
    y = x * 1
    rows, columns = y[1:3], y[:, 2:]
    rows[:, 1:].transpose(0, 1).mul_(7)
    columns.sum().backward()
    expected = np.zeros((4, 4))
    expected[:, 2:] = 1
    expected[1:3, 2:] = 7
    close(x.grad, *expected.tolist())


def test_writing_a_tensor_into_a_view():
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0)
    y = x * 2
    y[1:2] = w * w
    (y * y).sum().backward()
    close(x.grad, 8.0, 0.0, 24.0)
    close(w.grad, 4000.0)


def test_a_constant_base_takes_the_history_of_what_is_written():
    w = leaf(2.0)
    buffer = tx.zeros(3, dtype=tx.float64)
    buffer[1:2] = w
    assert buffer.requires_grad
    (buffer * 3).sum().backward()
    close(w.grad, 3.0)


def test_in_place_on_one_of_several_views():
    """PyTorch refuses this; here it works like on any other view."""
    x = leaf(1.0, 2.0)
    y = x * 1
    first, second = y.unbind(0)
    first.mul_(5)
    (y.sum() + first + second).sum().backward()
    close(x.grad, 10.0, 2.0)


def test_expanded_tensors_are_not_written_to():
    x = tx.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="clone"):
        x.add_(1)


def test_detach_shares_memory_and_version():
    x = leaf(1.0)
    y = x * 1
    d = y.detach()
    d.add_(1)
    assert not d.requires_grad and d._version == y._version
    close(y, 2.0)


def test_detach_in_place():
    y = leaf(1.0) * 2
    y.detach_()
    assert y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError):
        (leaf(1.0, 2.0) * 2)[0:1].detach_()


# ---- hooks


def test_tensor_hook_changes_the_gradient():
    x = leaf(1.0)
    y = x * 2
    handle = y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    close(x.grad, 20.0)
    handle.remove()
    x.grad = None
    y.sum().backward()
    close(x.grad, 2.0)


def test_leaf_hook_sees_each_contribution_once_summed():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5.0]]


def test_hooks_run_in_order_and_can_be_removed_from_within():
    x = leaf(1.0)
    order = []
    handles = []
    for i in range(3):
        handles.append(x.register_hook(lambda g, i=i: (order.append(i), handles[i].remove())[0]))
    (x * 2).backward()
    (x * 2).backward()
    assert order == [0, 1, 2]


def test_retain_grad():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    (y * y).sum().backward()
    close(y.grad, 12.0)
    x.retain_grad()
    with pytest.raises(RuntimeError):
        tx.ones(1).retain_grad()


def test_post_accumulate_hook():
    x = leaf(2.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    (x * 3).sum().backward()
    handle.remove()
    (x * 3).sum().backward()
    assert seen == [(True, [3.0])]
    with pytest.raises(RuntimeError):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_node_hooks():
    x = leaf(2.0)
    y = x * 3
    calls = []
    before = y.grad_fn.register_prehook(lambda grads: calls.append(("pre", len(grads))))
    after = y.grad_fn.register_hook(lambda grads, outputs: calls.append(("post", len(grads), len(outputs))))
    y.sum().backward(retain_graph=True)
    before.remove()
    after.remove()
    y.sum().backward()
    assert calls[0] == ("pre", 1) and calls[1][0] == "post" and len(calls) == 2


def test_hook_errors_pass_through_and_leave_the_graph_usable():
    x = leaf(2.0)
    y = x * 3
    handle = y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.sum().backward(retain_graph=True)
    assert tx.is_grad_enabled() and x.grad is None
    handle.remove()
    y.sum().backward()
    close(x.grad, 3.0)


def test_hook_of_a_wrong_kind():
    x = leaf(2.0)
    with pytest.raises((TypeError, RuntimeError)):
        x.register_hook("not callable")
        (x * 2).backward()
    with pytest.raises(RuntimeError):
        tx.ones(1).register_hook(print)
    y = leaf(2.0)
    y.register_hook(lambda g: "text")
    with pytest.raises((TypeError, RuntimeError)):
        (y * 2).backward()


def test_only_what_was_asked_for_is_computed():
    """The rule of an input that no gradient is wanted for does not run, and so cannot complain."""
    x, w = leaf(2.0, 3.0), leaf(5.0, 7.0)
    h = x * 1
    y = (h * w).sum()
    h.add_(1)  # what w's gradient needs has changed
    (gx,) = grad(y, x, retain_graph=True)
    close(gx, 5.0, 7.0)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        grad(y, w)


def test_node_hooks_may_only_return_gradients():
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: ("text",))
    with pytest.raises(TypeError, match="gave a str as gradient 0"):
        y.backward()


# ---- functions written by users


class Double(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


class Cube(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x * x * x * scale

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        assert ctx.needs_input_grad == (True, False)
        return g * x * x * 3 * ctx.scale, None


def test_function():
    x = leaf(2.0)
    y = Cube.apply(x, 5)
    assert "Cube" in y.grad_fn.name()
    y.sum().backward()
    close(x.grad, 60.0)
    assert tx.autograd.gradcheck(lambda x: Cube.apply(x, 2), (x,))
    assert tx.autograd.gradgradcheck(lambda x: Cube.apply(x, 2), (x,), [leaf(0.7)])


def test_function_outside_grad_mode():
    with tx.no_grad():
        assert not Cube.apply(leaf(2.0), 5).requires_grad


def test_saved_tensors_are_checked_and_freed():
    x = leaf(2.0)
    y = Cube.apply(x, 1)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    z = x * 1
    y = Cube.apply(z, 1)
    z.add_(1)
    with pytest.raises(RuntimeError, match="in-?place"):
        y.sum().backward()


def test_setup_context():
    class Square(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(3.0)
    Square.apply(x).sum().backward()
    close(x.grad, 6.0)


def test_mark_dirty():
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = leaf(1.0)
    y = x * 1
    z = AddOne.apply(y)
    assert z is y
    z.sum().backward()
    close(x.grad, 10.0)


def test_mark_non_differentiable():
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            order = (x > 1).to(tx.int64)
            flag = x * 0
            ctx.mark_non_differentiable(order, flag)
            return x * 2, order, flag

        @staticmethod
        def backward(ctx, g, order, flag):
            assert flag is None or (flag == 0).all()
            return g * 2

    values, order, flag = Sorted.apply(leaf(1.0, 2.0))
    assert values.requires_grad and not order.requires_grad and not flag.requires_grad


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients_are_zeros_unless_asked_otherwise(materialize):
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append(b)
            return a * 2

    x = leaf(1.0)
    Two.apply(x)[0].sum().backward()
    assert (seen[0] is None) is not materialize


def test_none_gradients():
    class Stop(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return None, g

    x, y = leaf(1.0), leaf(1.0)
    (Stop.apply(x * 2, y)).sum().backward()
    assert x.grad is None
    close(y.grad, 1.0)


@pytest.mark.parametrize("result", [(), (1, 2, 3), "text"])
def test_backward_returning_the_wrong_thing(result):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return result

    x = leaf(1.0)
    with pytest.raises((RuntimeError, TypeError)):
        Wrong.apply(x, leaf(1.0)).sum().backward()


def test_backward_returning_the_wrong_shape():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return tx.ones(7, dtype=tx.float64)

    with pytest.raises(RuntimeError, match="shape"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_exception_in_backward():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise KeyError("inside")

    x = leaf(1.0)
    with pytest.raises(KeyError, match="inside"):
        Fails.apply(x).sum().backward()
    assert tx.is_grad_enabled() and x.grad is None


# ---- what backward and grad refuse


def test_grad_of_unused_inputs():
    x, y = leaf(1.0), leaf(1.0)
    z = (x * 2).sum()
    with pytest.raises(RuntimeError, match="allow_unused"):
        grad(z, (x, y), retain_graph=True)
    assert grad(z, (x, y), allow_unused=True, retain_graph=True)[1] is None
    close(grad(z, (x, y), materialize_grads=True)[1], 0.0)
    with pytest.raises(ValueError):
        grad(z, (x, y), allow_unused=False, materialize_grads=True)


def test_grad_leaves_grad_alone():
    x = leaf(1.0)
    grad((x * 2).sum(), x)
    assert x.grad is None


def test_grad_of_an_intermediate_tensor():
    x = leaf(3.0)
    y = x * 2
    (g,) = grad((y * y).sum(), y)
    close(g, 12.0)


def test_backward_into_chosen_inputs():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert y.grad is None
    close(x.grad, 2.0)
    with pytest.raises(RuntimeError):
        (x * y).sum().backward(inputs=[])


def test_what_backward_refuses():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="scalar"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="require"):
        tx.ones(1).backward()
    with pytest.raises(RuntimeError, match="require"):
        tx.ones(1, dtype=tx.int64).backward()
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(tx.ones(3, dtype=tx.float64))
    with pytest.raises(TypeError):
        (x * 2).backward("text")
    with pytest.raises(RuntimeError):
        grad((x * 2).sum(), tx.ones(2))
    with pytest.raises(RuntimeError):
        tx.autograd.backward([x * 2, x * 3], [tx.ones(2, dtype=tx.float64)])


def test_several_roots():
    x = leaf(1.0)
    tx.autograd.backward([x * 2, x * 3], [tx.ones(1, dtype=tx.float64), tx.ones(1, dtype=tx.float64) * 10])
    close(x.grad, 32.0)


def test_positive_is_the_tensor_itself():
    x = leaf(1.0)
    assert +x is x and x.is_leaf
    (+x * 2).sum().backward()
    close(x.grad, 2.0)


# ---- interruption


def test_ctrl_c_leaves_grad_mode_as_it_was():
    """An interrupt at any moment of a loop over no_grad, backward and in-place ops."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are delivered to the main thread")
    old = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    x = tx.ones(20, requires_grad=True)
    try:
        for i in range(100):
            with pytest.raises(KeyboardInterrupt):  # the timer within, so that it cannot go off before
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + i * 0.00003)
                while True:
                    y = (x * 2).tanh()
                    with tx.no_grad():
                        y.mul(2)
                    y.sum().backward()
            assert tx.is_grad_enabled()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    x.grad = None
    (x * 3).sum().backward()
    close(x.grad, *[3.0] * 20)
