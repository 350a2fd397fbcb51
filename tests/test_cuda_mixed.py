"""One tensor of a call left on the CPU while the others are on the CUDA device: an error that names both, or the values."""

import warnings

import pytest

import tensorx as tx
from cases import CASES
from support import assert_close, dtype_name, flatten, materialize, to_library, to_numpy, to_tx, walk
from test_cases import main_dtype

pytestmark = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")


def drawn(arguments):
    found = []
    walk(arguments, lambda value: found.append(value) if hasattr(value, "values") and hasattr(value, "spec") else None)
    return found


def evaluate(case, arguments, host):
    """The call's results; `host` says which of its tensors are on the CPU."""
    position = iter(range(1000))

    def place(values, dtype):
        x = to_tx(values, dtype)
        return x.cpu() if host(next(position)) else x.cuda()

    args, kwargs = to_library(arguments, place, tx)
    tx.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [x.detach().cpu() if isinstance(x, tx.Tensor) else x for x in flatten(case.resolve(tx)(*args, **kwargs))]


MIXED = [case for case in CASES.values() if len(drawn(materialize(case.calls[0], case.dtypes[-1], case.name))) > 1]


@pytest.mark.parametrize("case", MIXED, ids=repr)
def test_one_tensor_on_the_cpu(case):
    dtype = main_dtype(case)
    for made in case.calls:
        arguments = materialize(made, dtype, case.name)
        for left in range(len(drawn(arguments))):
            try:
                results = evaluate(case, arguments, lambda position: position == left)
            except RuntimeError as error:
                text = str(error)
                assert "cpu" in text and "cuda" in text and "CUDA error" not in text, f"{case}{made}: {text}"
                continue
            for result, wanted in zip(results, evaluate(case, arguments, lambda position: False), strict=True):
                message = f"{case}{made}, tensor {left} on the CPU"
                name = dtype_name(wanted) if isinstance(wanted, tx.Tensor) else "int64"
                assert not isinstance(wanted, tx.Tensor) or result.dtype is wanted.dtype, message
                assert_close(to_numpy(result), to_numpy(wanted), name, case.tolerance, message)
