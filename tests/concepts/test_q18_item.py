"""Row 18: a tensor of one element becomes a Python number, and others say why not."""

import operator

import pytest

import tensorx as tx


@pytest.mark.parametrize(
    ("dtype", "value", "kind"),
    [
        ("float32", 1.5, float),
        ("float16", -0.25, float),
        ("bfloat16", 3.0, float),
        ("int64", 2**62, int),
        ("uint8", 200, int),
        ("bool", True, bool),
    ],
)
def test_item_has_the_type_of_the_number(device, dtype, value, kind):
    x = tx.tensor([[value]], dtype=getattr(tx, dtype), device=device)
    assert x.item() == value and type(x.item()) is kind
    assert x.tolist() == [[value]] and type(x.tolist()[0][0]) is kind


def test_conversions(device):
    x = tx.tensor(2.75, device=device)
    assert float(x) == 2.75 and int(x) == 2 and bool(x) is True
    assert [10, 20, 30][tx.tensor(1, device=device)] == 20
    assert operator.index(tx.tensor([2], device=device)) == 2
    assert f"{x:.1f}" == "2.8" and round(float(x)) == 3
    assert not tx.tensor(0.0, device=device)


def test_more_or_less_than_one_element_is_an_error(device):
    for x in (tx.zeros(2, device=device), tx.zeros(0, device=device)):
        with pytest.raises((RuntimeError, ValueError)) as error:
            x.item()
        assert str(x.numel()) in str(error.value) and "tolist" in str(error.value), error.value
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            float(x)
    with pytest.raises(RuntimeError, match="any"):
        bool(tx.ones(2, device=device))
    with pytest.raises(TypeError, match="integer"):
        operator.index(tx.tensor(1.5, device=device))
