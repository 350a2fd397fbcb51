"""Names of PyTorch that switch how numbers are computed, and older names of what has another one now."""

import pytest

import tensorx as tx


def test_deterministic_algorithms():
    assert tx.use_deterministic_algorithms(True, warn_only=True) is None
    assert tx.are_deterministic_algorithms_enabled() and tx.is_deterministic_algorithms_warn_only_enabled()
    assert tx.backends.conv.deterministic and tx.backends.cudnn.deterministic
    tx.use_deterministic_algorithms(False, warn_only=True)
    assert not tx.are_deterministic_algorithms_enabled() and not tx.is_deterministic_algorithms_warn_only_enabled()
    assert not tx.backends.conv.deterministic


@pytest.mark.parametrize("arguments", [{"mode": 1}, {"mode": None}, {"mode": True, "warn_only": "yes"}], ids=str)
def test_deterministic_algorithms_take_bools(arguments):
    with pytest.raises(TypeError, match="use_deterministic_algorithms: (mode|warn_only) is True or False, got"):
        tx.use_deterministic_algorithms(**arguments)
    assert not tx.are_deterministic_algorithms_enabled()


def test_matmul_precision():
    a = tx.linspace(0, 1, 64 * 64).reshape(64, 64)
    exact = (a @ a).tolist()
    for precision in ("high", "medium", "highest"):
        tx.set_float32_matmul_precision(precision)
        assert tx.get_float32_matmul_precision() == precision
        assert tx.backends.cuda.matmul.allow_tf32 is (precision != "highest")
        assert (a @ a).tolist() == exact  # the CPU has nothing quicker
    for wrong in ("low", None, 3, []):
        with pytest.raises(ValueError, match="expected one of highest, high, medium, got"):
            tx.set_float32_matmul_precision(wrong)


def test_allowing_tf32_is_a_precision():
    for allowed, precision in ((True, "high"), (False, "highest")):
        tx.backends.cuda.matmul.allow_tf32 = allowed
        assert tx.get_float32_matmul_precision() == precision and tx.backends.cuda.matmul.allow_tf32 is allowed


def test_default_tensor_type():
    try:
        for given in (tx.DoubleTensor, "tensorx.DoubleTensor", "torch.DoubleTensor"):
            tx.set_default_tensor_type(tx.FloatTensor)
            assert tx.ones(1).dtype is tx.float32
            tx.set_default_tensor_type(given)
            assert tx.ones(1).dtype is tx.float64 and tx.get_default_dtype() is tx.float64
        with pytest.raises(TypeError):
            tx.set_default_tensor_type(tx.LongTensor)  # not a floating-point type
        with pytest.raises(ValueError, match="invalid type: 'QuadTensor'"):
            tx.set_default_tensor_type("QuadTensor")
        with pytest.raises(TypeError, match="expected a tensor type of the CPU or its name"):
            tx.set_default_tensor_type(tx.float32)
    finally:
        tx.set_default_tensor_type("tensorx.FloatTensor")


def test_variable():
    data = tx.arange(3.0).requires_grad_()
    x = tx.autograd.Variable(data, requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.tolist() == [0, 2, 4] and data.grad is None and x.is_leaf
    assert x.data_ptr() == data.data_ptr() and not tx.autograd.Variable(data).requires_grad
    assert isinstance(data, tx.autograd.Variable) and not isinstance(3, tx.autograd.Variable)
    with pytest.raises(TypeError, match="Variable: expected a Tensor, got list"):
        tx.autograd.Variable([1.0])
