"""Row 15: `.to(device, dtype, tensor, non_blocking, copy)`, `.cuda()`, `.cpu()`, and what mixing devices says."""

import pytest

import tensorx as tx


def test_to_takes_a_device_a_dtype_or_a_tensor(device):
    x = tx.arange(6.0).view(2, 3)
    like = tx.zeros(1, dtype=tx.float64, device=device)
    assert x.to(device).device.type == device
    assert x.to(device, tx.float16).dtype is tx.float16
    assert x.to(dtype=tx.int32, device=device).dtype is tx.int32
    moved = x.to(like)
    assert moved.dtype is tx.float64 and moved.device == like.device
    assert moved.cpu().tolist() == x.tolist()


def test_nothing_moves_that_is_there_already(device):
    x = tx.ones(3, device=device)
    assert x.to(device) is x and x.to(x.dtype) is x
    copy = x.to(device, copy=True)
    copy[0] = 5
    assert x.tolist() == [1, 1, 1]


def test_gradients_come_back_to_where_the_leaf_lives(device):
    x = tx.ones(3, requires_grad=True)
    (x.to(device, non_blocking=True) * 2).sum().backward()
    assert x.grad.device == x.device and x.grad.tolist() == [2, 2, 2]


def test_a_module_and_its_optimizer_work_where_the_module_is(device):
    model = tx.nn.Linear(3, 2).to(device)
    optimizer = tx.optim.Adam(model.parameters())
    model(tx.ones(4, 3, device=device)).sum().backward()
    optimizer.step()
    assert all(parameter.device.type == device for parameter in model.parameters())
    assert all(state["exp_avg"].device.type == device for state in optimizer.state.values())


@pytest.mark.parametrize(
    "operation", [tx.add, tx.matmul, tx.maximum, lambda a, b: tx.cat([a, b]), tx.nn.functional.mse_loss]
)
def test_mixed_devices_raise_and_both_are_named(operation):
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    with pytest.raises(RuntimeError) as error:
        operation(tx.ones(2, 2), tx.ones(2, 2, device="cuda"))
    assert "cpu" in str(error.value) and "cuda:0" in str(error.value)


def test_a_number_on_the_cpu_goes_with_everything(device):
    x = tx.ones(2, device=device)
    assert (x + tx.tensor(2.0)).tolist() == [3, 3]
    assert (tx.tensor(2.0) * x).device == x.device


def test_names_of_torch_cuda():
    assert tx.device("cuda", 0) == tx.device("cuda:0")
    for name in (
        "is_available device_count current_device set_device synchronize get_device_name get_device_properties "
        "get_device_capability memory_allocated max_memory_allocated memory_reserved memory_stats empty_cache "
        "reset_peak_memory_stats manual_seed manual_seed_all get_rng_state set_rng_state Stream Event stream "
        "current_stream default_stream OutOfMemoryError is_bf16_supported"
    ).split():
        assert hasattr(tx.cuda, name), name
