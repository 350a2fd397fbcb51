"""assert_close: what passes, and what the message says; beside PyTorch's where it is installed."""

import re

import numpy as np
import pytest

import tensorx as tx

assert_close = tx.testing.assert_close
INF, NAN = float("inf"), float("nan")
NUMBER = re.compile(r"\b(?:inf|nan|\d[\d.]*(?:e-?\d+)?)\b")

# (actual, expected, options) as functions of the library
CASES = [
    lambda t: (t.tensor([1.0, 2.0, 3.0]), t.tensor([1.0, 2.0, 4.0]), {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.000001]), {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0001]), {}),
    lambda t: (t.tensor([1.0, 2.0]).double(), t.tensor([1.0, 2.000001]).double(), {}),
    lambda t: (t.tensor([1.0, 2.0]).half(), t.tensor([1.0, 2.001]).half(), {}),
    lambda t: (t.tensor([1.0, 2.0]).bfloat16(), t.tensor([1.0, 4.0]).bfloat16(), {}),
    lambda t: (t.tensor(1.0), t.tensor(2.0), {}),
    lambda t: (1.0, 2.0, {}),
    lambda t: (1, 1.0, {}),
    lambda t: (1, 4, {}),
    lambda t: (2j, 2j, {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0, 4.0]), {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1, 2]), {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1, 2]), {"check_dtype": False}),
    lambda t: ([t.tensor([1.0, 2.0])], [t.tensor([1.0, 2.5])], {}),
    lambda t: ([t.tensor(1.0)], [t.tensor(1.0), t.tensor(2.0)], {}),
    lambda t: ({"a": t.tensor(1.0)}, {"b": t.tensor(1.0)}, {}),
    lambda t: ({"a": t.tensor(1.0)}, {"a": t.tensor(3.0)}, {}),
    lambda t: ((t.tensor(1.0), [t.tensor(2.0)]), (t.tensor(1.0), [t.tensor(4.0)]), {}),
    lambda t: ("a", "a", {}),
    lambda t: (None, None, {}),
    lambda t: (None, t.tensor(1.0), {}),
    lambda t: (t.tensor([1.0]), [1.0], {}),
    lambda t: (t.tensor([1.0]), t.tensor([1.0]), {"rtol": 1.0}),
    lambda t: (t.tensor([1.0]), t.tensor([1.0]), {"atol": 1.0}),
    lambda t: (t.tensor([NAN]), t.tensor([NAN]), {}),
    lambda t: (t.tensor([NAN]), t.tensor([NAN]), {"equal_nan": True}),
    lambda t: (t.tensor([1.0, INF]), t.tensor([1.0, INF]), {}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, INF]), {}),
    lambda t: (t.tensor([1.0, 0.5]), t.tensor([1.0, 0.0]), {}),
    lambda t: (t.tensor([1, 2]), t.tensor([1, 6]), {}),
    lambda t: (t.tensor([1, 2]), t.tensor([1, 3]), {"rtol": 0, "atol": 1}),
    lambda t: (t.tensor([True]), t.tensor([False]), {}),
    lambda t: (t.tensor([[1.0, 2.0]]), t.tensor([[1.0, 4.0]]), {"msg": "hello"}),
    lambda t: (t.tensor([[1.0, 2.0]]), t.tensor([[1.0, 4.0]]), {"msg": lambda message: f"<{message}>"}),
    lambda t: (t.tensor([1.0, 2.0]), t.tensor([1.0, 2.0]).to_sparse(), {}),
    lambda t: (t.zeros(2, 3), t.zeros(3, 2).t(), {"check_stride": True}),
    lambda t: (t.zeros(2, 3), t.zeros(3, 2).t(), {}),
    lambda t: (t.zeros(0, 3), t.zeros(0, 3), {}),
    lambda t: (np.ones(2), np.ones(2), {}),
    lambda t: (np.ones(2), t.ones(2), {}),
    lambda t: (np.ones(2), np.ones(3), {}),
    lambda t: (np.arange(3)[::-1].copy(), np.arange(3), {}),
    lambda t: (np.ones(2), np.ones(2, np.int64), {}),
    lambda t: (np.ones(2), np.ones(2, np.int64), {"check_dtype": False}),
    lambda t: (t.tensor([1 + 1j]), t.tensor([1 + 2j]), {}),
    lambda t: (t.nn.Parameter(t.ones(2)), t.ones(2), {}),
    lambda t: (t.nn.Parameter(t.ones(2)), t.ones(2), {"allow_subclasses": False}),
]  # fmt: skip


def outcome(library, case):
    actual, expected, options = case(library)
    try:
        return library.testing.assert_close(actual, expected, **options)
    except (AssertionError, TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(CASES)))
def test_as_pytorch(number):
    torch = pytest.importorskip("torch")
    ours, theirs = outcome(tx, CASES[number]), outcome(torch, CASES[number])
    if ours is None or theirs is None:
        assert ours is theirs
    else:
        assert ours[0] is theirs[0]
        text, their_text = (
            ours[1],
            theirs[1].replace("torch.Tensor", "tensorx.tensor.Tensor").replace("torch", "tensorx"),
        )
        assert NUMBER.sub("#", text) == NUMBER.sub("#", their_text)
        # PyTorch rounds differences to the precision of the tensors.
        numbers, their_numbers = ([float(n) for n in NUMBER.findall(t)] for t in (text, their_text))
        assert numbers == pytest.approx(their_numbers, rel=1e-6, nan_ok=True)


def test_large_integers_do_not_wrap_around():
    with pytest.raises(AssertionError, match="Greatest absolute difference: 18446744073709551615 at index"):
        assert_close(tx.tensor([-(2**63), 0]), tx.tensor([2**63 - 1, 0]))


def test_on_a_device(device):
    x = tx.ones(3, device=device)
    assert_close(x, x.clone())
    with pytest.raises(AssertionError, match="1 / 3"):
        assert_close(x, tx.tensor([1.0, 1.0, 2.0], device=device))
    if device == "cuda":
        with pytest.raises(AssertionError, match="attribute 'device' do not match: cuda:0 != cpu"):
            assert_close(x, x.cpu())
        assert_close(x, x.cpu(), check_device=False)
