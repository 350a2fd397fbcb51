"""Memory of every op: a failed allocation changes nothing, no call leaves anything behind, threads may swap data."""

import gc
import sys
import threading

import pytest

import tensorx as tx
from cases import CASES
from support import bits, dtype_name, flatten, materialize, to_library, to_tx
from tensorx import _C
from test_cases import draw_like, main_dtype

by_row = pytest.mark.parametrize("case", list(CASES.values()), ids=repr)


def prepare(case):
    """A function that runs the op, backward where it can, and the tensors that it is given."""
    made = (case.gradient_calls or case.calls)[0]
    args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
    tensors = [x for x in flatten([args, kwargs]) if isinstance(x, tx.Tensor)]
    if case.gradient:
        for x in tensors:
            x.requires_grad = x.dtype.is_floating_point

    def run():
        results = [
            y for y in flatten(case.resolve(tx)(*args, **kwargs)) if isinstance(y, tx.Tensor) and y.requires_grad
        ]
        if results:
            tx.autograd.grad(results, [x for x in tensors if x.requires_grad], seeds_of(results), allow_unused=True)

    seeds = {}

    def seeds_of(results):
        key = tuple(tuple(y.shape) for y in results)
        if key not in seeds:
            seeds[key] = [to_tx(draw_like(y, i), dtype_name(y)) for i, y in enumerate(results)]
        return seeds[key]

    return run, tensors


@pytest.fixture(scope="module", autouse=True)
def only_new_garbage():
    """What was there before the first test is not looked at again by each gc.collect()."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def fail_each_allocation(run, check, most=400):
    """Runs it again and again, with the first allocation failing, then the second, until none is left to fail."""
    for n in range(1, most):
        _C.fail_allocation(n)
        try:
            run()
        except MemoryError:
            check(f"allocation {n} failed")
        finally:
            left = _C.fail_allocation(0)
        if left:
            return n - 1
    raise AssertionError(f"{most} allocations and no end")


def allocated():
    gc.collect()
    return _C.memory_stats()["allocated"]


def state(x):
    return bits(x), x._version, x.requires_grad, x.grad_fn, x.grad, x.is_leaf, x.stride(), x.storage_offset()


@by_row
def test_out_of_memory(case):
    """Each allocation of the op and of its gradient in turn: MemoryError, and all is as it was."""
    run, tensors = prepare(case)
    run()
    tx.set_num_threads(1)
    before, held = [state(x) for x in tensors], allocated()

    def check(when):
        assert [state(x) for x in tensors] == before, when
        assert tx.is_grad_enabled() and not tx.is_inference_mode_enabled(), when

    fail_each_allocation(run, check)
    assert allocated() <= held
    run()


@by_row
def test_out_of_memory_in_place(case):
    """A write that runs out of memory has not happened."""
    method = getattr(tx.Tensor, case.method + "_", None)
    if method is None or "." in case.name:
        return
    for made in case.calls[:2]:
        if not made.args or made.args[0] not in made.tensors():
            continue
        args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
        for history in (False, True):
            if history and (not case.gradient or not args[0].dtype.is_floating_point):
                continue
            target = args[0].clone()
            if history:
                target = target.requires_grad_().clone()
            try:
                method(target.detach().clone(), *args[1:], **kwargs)
            except Exception:  # the result has another shape or dtype
                continue
            before = state(target)

            def check(when):
                assert state(target) == before, when

            fail_each_allocation(lambda: method(target, *args[1:], **kwargs), check)
            assert target._version > before[1] or method.__module__ == "tensorx.ops.reshape_in_place"  # writes nothing


@by_row
@pytest.mark.filterwarnings("ignore")  # pytest keeps those it sees
def test_nothing_is_left_behind(case):
    """Called many times, forward and backward, an op holds no more memory and no more objects than after some calls."""
    run, tensors = prepare(case)

    def count():
        gc.collect()
        return (
            _C.memory_stats()["allocated"],
            sum(isinstance(o, (tx.Tensor, _C.NodeBase)) for o in gc.get_objects()),
            [sys.getrefcount(x) for x in tensors],
            sys.getrefcount(None) // 100,
        )

    for _ in range(3):
        run()
    before = count()
    for _ in range(20):
        run()
    assert count() == before
    gc.disable()  # and without the help of the collector
    try:
        held = _C.memory_stats()["allocated"]
        run()
        assert _C.memory_stats()["allocated"] == held
    finally:
        gc.enable()


# ---- several Python threads


def together(*functions, seconds=0.3):
    """Runs the functions over and over, each in a thread of its own; raises what they raise."""
    stop, errors = threading.Event(), []

    def repeat(function):
        try:
            while not stop.is_set():
                function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    stop.wait(seconds)
    stop.set()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


LARGE = 1 << 17


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x.exp(), lambda x: x + x, lambda x: x.sum(), lambda x: x.add_(1), lambda x: tx.add(x, 1, out=x), lambda x: x.cumsum(0),
        lambda x: x.sort(), lambda x: tx.cat([x, x]), lambda x: x[tx.arange(10_000)], lambda x: x[x > 0], lambda x: x.__setitem__(x > 0, 1.0),
        lambda x: x.view(-1, 64) @ x.view(64, -1)[:, :64], lambda x: x.numpy().sum(), lambda x: x.softmax(0), lambda x: x.clone(),
    ],
)  # fmt: skip
def test_data_swapped_while_a_kernel_runs(use):
    """`x.data = ...` in another thread frees the memory that a kernel may be reading."""
    x = tx.ones(LARGE)

    def swap():
        x.data = tx.ones(LARGE * 2)
        x.data = tx.ones(LARGE)

    def attempt():
        try:
            use(x)
        except (RuntimeError, IndexError):  # shapes that changed between two looks
            pass

    together(attempt, swap)


def test_thread_count_changes_while_kernels_run():
    x = tx.arange(float(LARGE))
    wanted = x.exp().sum().item()
    before = tx.get_num_threads()

    def change():
        for n in (1, 4, 2, 7):
            tx.set_num_threads(n)

    def use():
        assert x.exp().sum().item() == wanted

    try:
        together(use, use, change)
    finally:
        tx.set_num_threads(before)


def test_one_graph_in_several_threads():
    """Backward through shared leaves; sums into `grad` may be lost as in any race, memory may not."""
    x = tx.ones(1000, requires_grad=True)
    shared = (x * 2).exp()

    def use():
        (shared * x).sum().backward(retain_graph=True)
        x.grad = None
        tx.autograd.grad((x * x).sum(), x)

    together(use, use, use)
    assert tx.is_grad_enabled()
