"""Every op: its gradients are the same bits when what it saves is packed, waits on the CPU, or is computed again."""

import pytest

import tensorx as tx
from cases import CASES
from support import bits, dtype_name, flatten, materialize, to_library, to_tx
from tensorx.autograd import graph
from tensorx.utils.checkpoint import checkpoint
from test_cases import draw_like, main_dtype

WITH_GRADIENT = [case for case in CASES.values() if case.gradient]


def packed(function, *args, **kwargs):
    with graph.saved_tensors_hooks(lambda x: (x.detach().clone(),), lambda kept: kept[0]):
        return function(*args, **kwargs)


def on_cpu(function, *args, **kwargs):
    with graph.save_on_cpu():
        return function(*args, **kwargs)


def plainly(function, *args, **kwargs):
    return function(*args, **kwargs)


def outcome(case, run):
    """The bits of the gradients of the op's results."""
    tx.manual_seed(0)
    made = (case.gradient_calls or case.calls)[0]
    args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
    inputs = [x for x in flatten([args, kwargs]) if isinstance(x, tx.Tensor) and x.dtype.is_floating_point]
    for x in inputs:
        x.requires_grad_()
    results = run(case.resolve(tx), *args, **kwargs)
    results = [y for y in flatten(results) if isinstance(y, tx.Tensor) and y.requires_grad]
    if not results:
        return None
    seeds = [to_tx(draw_like(y, i), dtype_name(y)) for i, y in enumerate(results)]
    return [None if g is None else bits(g) for g in tx.autograd.grad(results, inputs, seeds, allow_unused=True)]


@pytest.mark.filterwarnings("ignore")  # of what single functions advise
@pytest.mark.parametrize("case", WITH_GRADIENT, ids=repr)
def test_same_gradients(case):
    expected = outcome(case, plainly)
    for run in (packed, on_cpu, checkpoint):
        assert outcome(case, run) == expected, run.__name__
