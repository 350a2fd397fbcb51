"""The device on which tensors are made that none is given for."""

import threading

import numpy as np
import pytest

import tensorx as tx

needs_cuda = pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")
needs_two = pytest.mark.skipif(tx.cuda.device_count() < 2, reason="needs two devices")


@pytest.fixture(autouse=True)
def restored():
    yield
    tx.set_default_device(None)


def test_the_cpu_at_first():
    assert tx.get_default_device() == tx.device("cpu")
    tx.set_default_device("cpu")
    with tx.device("cpu") as device:
        assert device == tx.device("cpu") and tx.zeros(1).device == device


@needs_cuda
def test_what_follows_it(tmp_path):
    array = np.ones(2, np.float32)
    tx.set_default_device("cuda")
    here = tx.device("cuda", 0)
    assert tx.get_default_device() == here
    made = [
        tx.zeros(2), tx.ones(2), tx.empty(2), tx.full((2,), 3), tx.empty_strided((2,), (1,)), tx.eye(2), tx.arange(3),
        tx.linspace(0, 1, 3), tx.logspace(0, 1, 3), tx.rand(2), tx.randn(2), tx.randint(0, 3, (2,)), tx.randperm(3),
        tx.tensor([1.0, 2.0]), tx.tensor(3), tx.tensor(array), tx.as_tensor([1]), tx.as_tensor(array), tx.asarray([1]),
        tx.asarray(array), tx.tril_indices(2, 2), tx.hann_window(4), tx.fft.fftfreq(4), tx.scalar_tensor(2.0),
        tx.nn.Linear(2, 3).weight, tx.sparse_coo_tensor([[0], [1]], [1.0], (2, 2)).coalesce().values(),
        tx.distributions.Normal(0.0, 1.0).sample((2,)), tx.nn.Transformer.generate_square_subsequent_mask(3),
    ]  # fmt: skip
    assert {x.device for x in made} == {here}
    kept = tx.ones(2, device="cpu")
    stays = [
        tx.from_numpy(array), tx.frombuffer(bytearray(8), dtype=tx.float32), tx.zeros_like(kept), kept.new_zeros(2),
        tx.as_tensor(kept), tx.ones(2, device="cpu"), tx.get_rng_state(), tx.FloatTensor(2), tx.Tensor([1.0]),
    ]  # fmt: skip
    assert {x.device for x in stays} == {tx.device("cpu")}
    tx.save({"cpu": kept, "cuda": tx.ones(2)}, tmp_path / "both.pt")
    loaded = tx.load(tmp_path / "both.pt")
    assert loaded["cpu"].device == kept.device and loaded["cuda"].device == here


@needs_cuda
def test_training_and_loading_follow_it():
    tx.set_default_device("cuda")
    model = tx.nn.Sequential(tx.nn.Linear(3, 4), tx.nn.BatchNorm1d(4), tx.nn.Dropout(0.1), tx.nn.Linear(4, 2))
    optimizer = tx.optim.Adam(model.parameters())
    data = tx.utils.data.TensorDataset(tx.randn(10, 3), tx.randint(0, 2, (10,)))
    for x, y in tx.utils.data.DataLoader(data, batch_size=5, shuffle=True):
        loss = tx.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.is_cuda and np.isfinite(loss.item())


@needs_cuda
def test_blocks():
    with tx.device("cuda"):
        assert tx.zeros(1).is_cuda
        with tx.device("cpu"):
            assert not tx.zeros(1).is_cuda
            tx.set_default_device("cuda")  # until the block ends
            assert tx.zeros(1).is_cuda
        assert tx.zeros(1).is_cuda
    with pytest.raises(KeyError), tx.device("cuda"):
        raise KeyError
    assert not tx.zeros(1).is_cuda
    with pytest.raises(RuntimeError, match="no block was entered"):
        tx.device("cpu").__exit__(None, None, None)


@needs_cuda
def test_each_thread_has_its_own():
    tx.set_default_device("cuda")
    found = []
    thread = threading.Thread(target=lambda: found.append(tx.zeros(1).device.type))
    thread.start()
    thread.join()
    assert found == ["cpu"]


@needs_two
def test_without_a_number_it_is_the_current_device():
    with tx.device("cuda"), tx.cuda.device(1):
        assert tx.zeros(1).device == tx.get_default_device() == tx.device("cuda", 1)
    with tx.device("cuda:1"):
        assert tx.zeros(1).device.index == 1


@pytest.mark.parametrize(
    "wrong, error, says",
    [
        ("gpu", RuntimeError, "Expected one of cpu, cuda device type"),
        ("cuda:x", RuntimeError, "Invalid device string: 'cuda:x'"),
        (1.5, TypeError, "device must be a tensorx.device or a str"),
        (-1, RuntimeError, "device index must be in"),
    ],
    ids=str,
)
def test_what_is_no_device(wrong, error, says):
    with pytest.raises(error, match=says):
        tx.set_default_device(wrong)
    assert tx.get_default_device() == tx.device("cpu")
