"""Type promotion: all pairs of dtypes, as tensors, 0-dim tensors and Python numbers, against torch."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

from both import assert_same, assert_same_error, outcome, to_torch  # noqa: E402

import tensorx as tx  # noqa: E402
from support import ALL, dtype_name, to_tx  # noqa: E402

# With the types that PyTorch has few ops for: where it has none, there is nothing to compare with.
EVERY = (*ALL, "uint16", "uint32", "uint64", "complex64", "complex128")
FORMS = ("tensor", "0-dim", "number")
OPS = ("add", "mul", "true_divide", "eq", "maximum", "pow", "where", "bitwise_and", "atan2", "floor_divide")


def operand(form, dtype, namespace):
    if form == "number":
        return True if dtype == "bool" else 3.0 if "float" in dtype else 3j if "complex" in dtype else 3
    make = to_tx if namespace is tx else to_torch
    return make([1, 2, 3] if form == "tensor" else 2, dtype)


def operate(name, a, b, namespace):
    if name == "where":
        return namespace.where(namespace.tensor([True, False, True]), a, b)
    return getattr(namespace, name)(a, b)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("forms", [(a, b) for a in FORMS for b in FORMS if (a, b) != ("number", "number")], ids=str)
def test_promotion(name, forms):
    for first in EVERY:
        for second in EVERY:
            results = [
                outcome(operate, name, operand(forms[0], first, n), operand(forms[1], second, n), n)
                for n in (tx, torch)
            ]
            (ours, error), (theirs, refused) = results
            message = f"{name}({forms[0]} {first}, {forms[1]} {second})"
            if refused is None:
                assert error is None, f"{message}: {error!r}"
                if dtype_name(theirs) == "complex32":  # of a half and a complex number: there is no such type here
                    assert dtype_name(ours) == "complex64"
                    continue
                assert_same(ours, theirs, message, scale=2)


def name_of(outcome):
    """The name of the dtype that came out, or of the exception."""
    result, error = outcome
    return type(error).__name__ if error else str(result).split(".")[1]


def test_promote_types_and_can_cast():
    for first in EVERY:
        for second in EVERY:
            ours, theirs = (
                name_of(outcome(n.promote_types, getattr(n, first), getattr(n, second))) for n in (tx, torch)
            )
            assert ours == theirs, f"promote_types({first}, {second})"
            assert tx.can_cast(getattr(tx, first), getattr(tx, second)) == torch.can_cast(
                getattr(torch, first), getattr(torch, second)
            )


def test_result_type():
    for first in EVERY:
        for second in EVERY:
            for forms in ((a, b) for a in FORMS for b in FORMS):
                ours, theirs = (
                    name_of(outcome(n.result_type, operand(forms[0], first, n), operand(forms[1], second, n)))
                    for n in (tx, torch)
                )
                if theirs == "complex32":
                    theirs = "complex64"
                assert ours == theirs, f"result_type({forms[0]} {first}, {forms[1]} {second})"


@pytest.mark.parametrize("name", ["add_", "mul_", "true_divide_", "eq_", "pow_", "copy_"])
def test_in_place_results_that_cannot_be_cast(name):
    for first in ALL:
        for second in ALL:
            outcomes = []
            for _, make in ((tx, to_tx), (torch, to_torch)):
                x = make([1, 2, 3], first)
                outcomes.append(outcome(getattr(x, name), make([1, 2, 3], second)))
            (ours, error), (theirs, refused) = outcomes
            if refused is not None and isinstance(refused, NotImplementedError):
                continue
            assert_same_error(error, refused, f"{first}.{name}({second})")
            if theirs is not None:
                assert dtype_name(ours) == first
                assert_same(ours, theirs, f"{first}.{name}({second})", scale=2)
