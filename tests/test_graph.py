"""autograd.graph: hooks on saved tensors, edges, nodes, drawing; anomaly mode; gradcheck's options."""

import gc
import shutil
import threading
import warnings
import weakref

import numpy as np
import pytest

import tensorx as tx
from support import bits
from tensorx.autograd import graph


def leaf(*values, device="cpu", dtype=tx.float64):
    return tx.tensor(values, dtype=dtype, device=device, requires_grad=True)


# ---- hooks on saved tensors


def test_everything_saved_is_packed_and_unpacked_once(device):
    packed, unpacked = [], []

    def pack(x):
        packed.append(x)
        return x.detach().clone()

    def unpack(x):
        unpacked.append(x)
        return x

    x = leaf(1.0, 2.0, device=device)
    with graph.saved_tensors_hooks(pack, unpack):
        y = (x * x).exp()
    assert [t is x for t in packed] == [True, True, False]
    assert packed[2].grad_fn is None  # an output comes without its history: it would be a cycle
    assert not unpacked
    y.sum().backward()
    assert len(unpacked) == 3
    np.testing.assert_allclose(x.grad.tolist(), [2 * np.e, 4 * np.exp(4)])


def test_what_hooks_give_is_what_backward_uses():
    x = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(lambda x: x * 10, lambda x: x):
        y = x * x
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 40.0]


def test_second_order_goes_through_hooks():
    x = leaf(0.3, -0.7)

    def function(x):
        with graph.saved_tensors_hooks(lambda x: x.detach().numpy().copy(), tx.from_numpy):
            return (x.exp() * x).sin() / (x * x + 1)

    assert tx.autograd.gradcheck(function, x)
    assert tx.autograd.gradgradcheck(function, x)


def test_to_disk(tmp_path):
    """Saved tensors wait in files."""
    files = []

    class File:
        def __init__(self, x):
            self.path = tmp_path / f"{len(files)}.npy"
            files.append(self.path)
            np.save(self.path, x.detach().numpy())

        def __del__(self):
            self.path.unlink()

        def load(self):
            return tx.from_numpy(np.load(self.path))

    x = leaf(1.0, 2.0, 3.0)
    with graph.saved_tensors_hooks(File, File.load):
        y = x.exp().sin().sum()
    assert len(files) == 2 and all(path.exists() for path in files)
    y.backward()
    np.testing.assert_allclose(x.grad.tolist(), np.cos(np.exp([1.0, 2, 3])) * np.exp([1.0, 2, 3]))
    assert not any(path.exists() for path in files)  # backward has let go of them


def test_hooks_nest_and_belong_to_a_thread():
    seen = []

    def note(name):
        return graph.saved_tensors_hooks(lambda x: (seen.append(name), x.detach())[1], lambda x: x)

    x = leaf(1.0)
    with note("outer"):
        x.exp()
        with note("inner"):
            x.exp()
        thread = threading.Thread(target=x.exp)
        thread.start()
        thread.join()
        x.exp()
    x.exp()
    assert seen == ["outer", "inner", "outer"]


def test_a_block_ends_with_an_exception_and_can_be_entered_again():
    block = graph.saved_tensors_hooks(lambda x: 1 / 0, lambda x: x)
    x = leaf(1.0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), block:
            x.exp()
    assert x.exp().requires_grad


@pytest.mark.parametrize(
    "pack, unpack, error, match",
    [
        (lambda x: x.detach(), lambda x: 3, TypeError, "must return a Tensor, not int"),
        (lambda x: x.detach(), lambda x: x[:1], RuntimeError, r"shape \[1\] for one of \[2\]"),
        (lambda x: x.detach().add_(1), lambda x: x, RuntimeError, "modifying its input in place"),
        (lambda x: x.detach(), lambda x: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_hooks_that_do_the_wrong_thing(pack, unpack, error, match):
    x = leaf(1.0, 2.0)
    with pytest.raises(error, match=match):
        with graph.saved_tensors_hooks(pack, unpack):
            y = x.exp()
        y.sum().backward()
    assert tx.is_grad_enabled()


def test_hooks_that_are_no_functions():
    with pytest.raises(TypeError, match="pack_hook must be a function, not int"):
        graph.saved_tensors_hooks(1, lambda x: x)
    with pytest.raises(TypeError, match="swap_saved_hooks"):
        tx._C.swap_saved_hooks(3)


def test_disabled():
    x = leaf(1.0)
    hooks = graph.saved_tensors_hooks(lambda x: 1 / 0, lambda x: x)
    with graph.disable_saved_tensors_hooks("not now"):
        with pytest.raises(RuntimeError, match="not now"), hooks:
            pass
        x.exp()
    with pytest.raises(RuntimeError, match="too late"), hooks, graph.disable_saved_tensors_hooks("too late"):
        pass
    with graph.save_on_cpu():
        x.exp()


@pytest.mark.parametrize("pin_memory", [False, True])
def test_save_on_cpu(pin_memory, device):
    x = tx.ones(1000, device=device, requires_grad=True)
    before = tx.cuda.memory_allocated() if device == "cuda" else 0
    with graph.save_on_cpu(pin_memory=pin_memory):
        y = x.exp().sin().sum()
    if device == "cuda":
        assert tx.cuda.memory_allocated() - before < 4000  # neither intermediate result is there
    y.backward()
    np.testing.assert_allclose(x.grad.tolist(), [np.cos(np.e) * np.e] * 1000, rtol=1e-5)


@pytest.mark.parametrize("change", [lambda y: y.zero_(), lambda y: y.__setitem__(0, 7.0), lambda y: y[:1].mul_(3)])
def test_allow_mutation(change, device):
    x = leaf(1.0, 2.0, device=device)
    y = x * 3
    z = (y * y).sum()
    (expected,) = tx.autograd.grad(z, x)
    with graph.allow_mutation_on_saved_tensors():
        y = x * 3
        z = (y * y).sum()
        with tx.no_grad():
            change(y)
    z.backward()
    assert bits(x.grad) == bits(expected)
    y = x * 3
    z = (y * y).sum()
    with tx.no_grad():
        change(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


# ---- nodes and edges


def test_node_attributes():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    z = y.exp()
    node = z.grad_fn
    assert node.name() == "ExpBackward0" and node.next_functions[0][0] is y.grad_fn
    assert isinstance(node, graph.Node) and node._sequence_nr() > y.grad_fn._sequence_nr()
    assert tx.equal(node._saved_result, z) and "_saved_result" in dir(node)
    assert tx.equal(y.grad_fn._saved_self, x) and y.grad_fn._saved_other is w
    node.metadata["mine"] = 1
    assert z.grad_fn.metadata == {"mine": 1}
    with pytest.raises(AttributeError, match="saves no '_saved_nothing': it has _saved_result"):
        node._saved_nothing
    z.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        node._saved_result


def test_saved_of_a_joint_rule():
    x = tx.ones(2, 3, dtype=tx.float64, requires_grad=True)
    y = tx.nn.functional.layer_norm(x * 2, (3,))
    assert [name for name in dir(y.grad_fn) if name.startswith("_saved_")]


def test_gradient_edge():
    x = leaf(1.0, 2.0)
    y = x * 3
    z = (y * y).sum()
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    del y
    assert tx.autograd.grad(z, edge, retain_graph=True)[0].tolist() == [6.0, 12.0]
    assert tx.autograd.grad(z, [x, graph.get_gradient_edge(x)], retain_graph=True)[1].tolist() == [18.0, 36.0]
    assert tx.autograd.grad(edge, x, tx.ones(2, dtype=tx.float64), retain_graph=True)[0].tolist() == [3.0, 3.0]
    z.backward(inputs=graph.get_gradient_edge(x), retain_graph=True)
    assert x.grad.tolist() == [18.0, 36.0]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(tx.ones(2))
    with pytest.raises(RuntimeError, match="no leaf"):
        z.backward(inputs=[edge], retain_graph=True)
    with pytest.raises(RuntimeError, match="give its gradient"):
        tx.autograd.grad(edge, x)


def test_multi_grad_hook():
    calls = []
    a, b, unused = leaf(1.0), leaf(2.0), leaf(3.0)
    c, d = a * b, a * b
    handle = graph.register_multi_grad_hook(
        (a, b, c, d, unused), lambda g: calls.append([x is not None and x.item() for x in g])
    )
    c.backward(retain_graph=True)
    assert calls.pop() == [2.0, 1.0, 1.0, False, False]
    tx.autograd.grad(c, a, retain_graph=True)
    assert calls.pop() == [2.0, False, 1.0, False, False]
    (c + d).backward(retain_graph=True)
    assert calls.pop() == [4.0, 2.0, 1.0, 1.0, False]
    handle.remove()
    c.backward()
    assert not calls
    with pytest.raises(ValueError, match="mode"):
        graph.register_multi_grad_hook((a,), print, mode="some")


def test_multi_grad_hook_any():
    calls = []
    a, b = leaf(1.0), leaf(2.0)
    graph.register_multi_grad_hook((a, b), calls.append, mode="any")
    for times in (1, 2):
        (a * b).backward()
        assert len(calls) == times


def test_multi_grad_hooks_keep_nothing_alive():
    x = leaf(1.0)
    y = x * 2
    graph.register_multi_grad_hook((y,), lambda g: None)
    node = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        y.backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_increment_version():
    x = leaf(1.0)
    y = x * 2
    z = y * y
    graph.increment_version([y])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


# ---- drawing


def test_dot():
    model = tx.nn.Linear(2, 3)
    x = tx.ones(4, 2)
    text = graph.to_dot(model(x).relu().sum(), model)
    for part in ('"weight\\n[3, 2]"', '"bias\\n[3]"', "ReluBackward0", "SumBackward0", '"output\\n[]"'):
        assert part in text
    assert text.startswith("digraph {") and text.endswith("}") and text.count("->") == 5


def test_dot_of_shared_parts_and_several_outputs():
    x = leaf(1.0, 2.0)
    y = x.exp()
    text = graph.to_dot([y * y, y.split(1)[1]], [('a "name"', x)])
    assert text.count("ExpBackward0") == 1 and '\\"name\\"' in text and '[label="1"]' in text
    with pytest.raises(RuntimeError, match="has no graph"):
        graph.to_dot(tx.ones(2))
    with pytest.raises(TypeError, match="expected tensors"):
        graph.to_dot([3])


def test_svg(tmp_path, monkeypatch):
    y = leaf(1.0).exp()
    if shutil.which("dot"):
        assert "<svg" in graph.to_svg(y, path=tmp_path / "graph.svg") == (tmp_path / "graph.svg").read_text()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing here"))
    with pytest.raises(RuntimeError, match="Graphviz is not installed"):
        graph.to_svg(y)


# ---- anomaly mode


def test_anomaly_points_at_the_forward_line():
    x = leaf(-1.0)
    with tx.autograd.set_detect_anomaly(True):
        y = x * 1
        z = y.sqrt()  # the line that the error shows
        with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th output") as caught:
            z.backward()
    assert "z = y.sqrt()  # the line that the error shows" in caught.value.__notes__[0]


def test_anomaly_shows_the_forward_line_of_any_error():
    class Fails(tx.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise KeyError("mine")

    with tx.autograd.set_detect_anomaly(True):
        y = Fails.apply(leaf(2.0))  # the failing line
        with pytest.raises(KeyError, match="mine") as caught:
            y.backward()
    assert "y = Fails.apply(leaf(2.0))  # the failing line" in caught.value.__notes__[0]


def test_anomaly_shows_what_led_to_a_call_that_backward_made():
    x = leaf(0.0)
    with tx.autograd.set_detect_anomaly(True):
        y = x.sqrt()  # the parent's line
        (g,) = tx.autograd.grad(y, x, create_graph=True)
        with pytest.raises(RuntimeError, match="nan") as caught:
            (g * 0).backward()
    first, parent = caught.value.__notes__[0].split("which computed the gradient of SqrtBackward0")
    assert "tx.autograd.grad(y, x, create_graph=True)" in first and "y = x.sqrt()  # the parent's line" in parent


def test_anomaly_settings():
    assert not tx.is_anomaly_enabled()
    with warnings.catch_warnings(record=True), tx.autograd.detect_anomaly(check_nan=False):
        warnings.simplefilter("always")
        assert tx.is_anomaly_enabled() and not tx.is_anomaly_check_nan_enabled()
        leaf(-1.0).sqrt().backward()
        with tx.autograd.set_detect_anomaly(False):
            assert not tx.is_anomaly_enabled()
        assert tx.is_anomaly_enabled()
    assert not tx.is_anomaly_enabled() and tx.is_anomaly_check_nan_enabled()
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        tx.autograd.detect_anomaly()
    tx.autograd.set_detect_anomaly(True)
    tx.autograd.set_detect_anomaly(False)
    assert not tx.autograd.engine.watchers


def test_anomaly_without_the_forward():
    y = leaf(-1.0).sqrt()
    with tx.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan values") as caught:
        y.backward()
    assert "no forward pass information" in caught.value.__notes__[0]


# ---- gradcheck


class Wrong(tx.autograd.Function):
    """x ** 2 whose gradient is what `rule` says."""

    rule = staticmethod(lambda x, g: 2 * x * g)

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return type(ctx).__name__ and Wrong.rule(ctx.saved_tensors[0], g)


@pytest.mark.parametrize(
    "rule, match",
    [
        (lambda x, g: 3 * x * g, "Jacobian mismatch for output 0 with respect to input 0"),
        (lambda x, g: 2 * x * g + 1e-9 * tx.rand_like(x) * g, "not reentrant"),
        (lambda x, g: 2 * x * g + (g == 0).double(), "mismatch|not multiplied by grad_output"),
    ],
)
@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_finds(rule, match, fast_mode, monkeypatch):
    monkeypatch.setattr(Wrong, "rule", staticmethod(rule))
    x = leaf(0.5, -1.5)
    with pytest.raises(tx.autograd.gradcheck.__globals__["GradcheckError"], match=match):
        tx.autograd.gradcheck(Wrong.apply, x, fast_mode=fast_mode)
    assert not tx.autograd.gradcheck(Wrong.apply, x, fast_mode=fast_mode, raise_exception=False)


def test_gradcheck_options():
    x = tx.randn(3, 2, dtype=tx.float64).t().requires_grad_()  # not contiguous
    function = lambda x: (x.exp() * x, x.sum())
    options = {"check_grad_dtypes": True, "check_batched_grad": True, "check_forward_ad": True}
    for fast_mode in (False, True):
        assert tx.autograd.gradcheck(function, x, fast_mode=fast_mode, **options)
        assert tx.autograd.gradgradcheck(function, x, fast_mode=fast_mode, gen_non_contig_grad_outputs=True)
    assert tx.autograd.gradgradcheck(function, x, check_fwd_over_rev=True, check_rev_over_rev=False)
    assert tx.autograd.gradcheck(lambda x: x * 2, tx.empty(0, 3, dtype=tx.float64, requires_grad=True))
    assert tx.autograd.gradcheck(tx.sin, tx.tensor(0.3, dtype=tx.float64, requires_grad=True))


def test_gradcheck_refuses():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        tx.autograd.gradcheck(tx.sin, tx.ones(2))
    with pytest.raises(RuntimeError, match="stride 0"):
        tx.autograd.gradcheck(tx.sin, tx.ones(1, dtype=tx.float64).expand(3).requires_grad_())
    with pytest.warns(UserWarning, match="not a double precision"):
        tx.autograd.gradcheck(tx.sin, tx.ones(2, requires_grad=True), eps=1e-3, atol=1e-2)
    with pytest.raises(RuntimeError, match="expected to be zero"):
        tx.autograd.gradcheck(lambda x: x.detach() * 2, leaf(1.0))


def test_gradcheck_sees_a_wrong_second_order():
    class Cut(tx.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0].detach() ** 2 * g

    assert tx.autograd.gradcheck(Cut.apply, leaf(0.5))
    assert not tx.autograd.gradgradcheck(Cut.apply, leaf(0.5), raise_exception=False)
