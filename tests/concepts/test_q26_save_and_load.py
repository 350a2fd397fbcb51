"""Row 26: saving and loading. Training goes on where it stopped; PyTorch's files and safetensors; nothing runs code."""

import io
import pickle
from collections import OrderedDict

import pytest

import tensorx as tx
from tensorx import _C
from tensorx.serialization import FileFormatError
from tensorx.serialization.safetensors import load_file, safe_open, save_file


def model_and_optimiser(device, seed=0):
    tx.manual_seed(seed)
    model = tx.nn.Sequential(
        OrderedDict(first=tx.nn.Linear(4, 8), norm=tx.nn.BatchNorm1d(8), act=tx.nn.ReLU(), last=tx.nn.Linear(8, 2))
    ).to(device)
    return model, tx.optim.Adam(model.parameters(), lr=0.01)


def train(model, optimiser, device, steps, first=0):
    for step in range(first, first + steps):
        tx.manual_seed(100 + step)
        x = tx.randn(16, 4).to(device)
        optimiser.zero_grad()
        model(x).square().mean().backward()
        optimiser.step()


def values(model):
    return {name: value.tolist() for name, value in model.state_dict().items()}


def test_training_goes_on_where_it_was_saved(device, tmp_path):
    """Three steps, a file, and three steps more give the same bits as six steps."""
    straight = model_and_optimiser(device)
    train(*straight, device, 6)

    model, optimiser = model_and_optimiser(device)
    train(model, optimiser, device, 3)
    tx.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": 3}, tmp_path / "a.pt")

    model, optimiser = model_and_optimiser(device, seed=7)  # other values, until they are loaded
    saved = tx.load(tmp_path / "a.pt", map_location=device)
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    train(model, optimiser, device, 3, first=saved["step"])
    assert values(model) == values(straight[0])


def test_a_state_that_does_not_fit_says_how(device, tmp_path):
    model, _ = model_and_optimiser(device)
    state = model.state_dict()
    del state["last.bias"]
    state["extra"] = tx.ones(1)
    tx.save(state, tmp_path / "a.pt")
    state = tx.load(tmp_path / "a.pt")
    with pytest.raises(RuntimeError, match=r'(?s)Missing key.*"last\.bias".*') as caught:
        model.load_state_dict(state)
    assert 'Unexpected key(s) in state_dict: "extra"' in str(caught.value)
    keys = model.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["last.bias"] and keys.unexpected_keys == ["extra"]


def test_nested_containers(device):
    shared = tx.arange(4, device=device)
    value = {"list": [1, 2.5, None, True], "tuple": ("a", b"b"), "set": {1}, "views": [shared, shared[1:]]}
    file = io.BytesIO()
    tx.save(value, file)
    file.seek(0)
    made = tx.load(file)
    assert made["views"][0].device == shared.device
    made["views"][1][0] = 9
    assert made["views"][0].tolist() == [0, 9, 2, 3]  # they share memory as before
    assert all(made[name] == value[name] for name in ("list", "tuple", "set"))


def test_pytorch_reads_and_writes_the_same_files(device, tmp_path):
    torch = pytest.importorskip("torch")
    model, _ = model_and_optimiser(device)
    tx.save(model.state_dict(), tmp_path / "a.pt")
    theirs = torch.nn.Sequential(
        OrderedDict(
            first=torch.nn.Linear(4, 8), norm=torch.nn.BatchNorm1d(8), act=torch.nn.ReLU(), last=torch.nn.Linear(8, 2)
        )
    )
    location = "cpu" if device == "cuda" and not torch.cuda.is_available() else device
    theirs.load_state_dict(torch.load(tmp_path / "a.pt", map_location=location, weights_only=True))
    assert {name: value.tolist() for name, value in theirs.state_dict().items()} == values(model)
    torch.save(theirs.state_dict(), tmp_path / "b.pt")
    model, _ = model_and_optimiser(device, seed=7)
    model.load_state_dict(tx.load(tmp_path / "b.pt", map_location=device))
    assert {name: value.tolist() for name, value in theirs.state_dict().items()} == values(model)


def test_safetensors(device, tmp_path):
    model, _ = model_and_optimiser(device)
    save_file(model.state_dict(), tmp_path / "a.safetensors", {"epoch": "3"})
    other, _ = model_and_optimiser(device, seed=7)
    other.load_state_dict(load_file(tmp_path / "a.safetensors", device))
    assert values(other) == values(model)
    with safe_open(tmp_path / "a.safetensors", "tensorx", device) as file:
        assert file.metadata() == {"epoch": "3"}
        assert file.get_slice("first.weight")[2:4].equal(model.first.weight[2:4])


def test_mapped_files_take_no_memory(tmp_path):
    """16 MB that are loaded whole, and mapped: the allocator says what each takes."""
    x = tx.arange(4 << 20, dtype=tx.float32)
    tx.save({"x": x}, tmp_path / "a.pt")
    save_file({"x": x}, tmp_path / "a.safetensors")

    def taken(load):
        before = _C.memory_stats()["allocated"]
        made = load()
        after = _C.memory_stats()["allocated"]
        assert made["x"].equal(x)
        return after - before

    assert taken(lambda: tx.load(tmp_path / "a.pt")) >= 16 << 20
    assert taken(lambda: tx.load(tmp_path / "a.pt", mmap=True)) < 1 << 10
    assert taken(lambda: load_file(tmp_path / "a.safetensors")) < 1 << 10


RUN = []


class Hostile:
    def __reduce__(self):
        return RUN.append, (1,)


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_hostile_file_runs_nothing(weights_only, tmp_path):
    """There is no option to."""
    torch = pytest.importorskip("torch")
    for new in (True, False):
        torch.save({"weights": torch.ones(1), "more": Hostile()}, tmp_path / "a.pt", _use_new_zipfile_serialization=new)
        with pytest.raises(FileFormatError, match=r"a\.pt, byte \d+: the file refers to"):
            tx.load(tmp_path / "a.pt", weights_only=weights_only)
        assert RUN == []
    with pytest.raises(pickle.UnpicklingError), open(tmp_path / "a.pt", "rb") as file:
        tx.load(file, weights_only=weights_only)


def test_a_save_that_fails_leaves_the_file(tmp_path, device):
    """A crash in the middle does as well: see test_files.py."""
    tx.save({"x": tx.ones(2, device=device)}, tmp_path / "a.pt")
    with pytest.raises(TypeError, match="state_dict"):
        tx.save({"x": tx.zeros(2), "model": tx.nn.Linear(1, 1)}, tmp_path / "a.pt")
    assert tx.load(tmp_path / "a.pt", map_location="cpu")["x"].tolist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
