"""Files that PyTorch wrote are read, and files that are written are read by PyTorch, with weights_only=True."""

import io
import warnings
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tensorx as tx  # noqa: E402
from support import ALL, to_numpy  # noqa: E402
from tensorx.serialization import FileFormatError  # noqa: E402
from test_files import LAYOUTS  # noqa: E402

formats = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])


def exchanged(save, load, value, new=True, **options):
    """`value`, saved by one library and loaded by the other."""
    file = io.BytesIO()
    save(value, file, _use_new_zipfile_serialization=new)
    file.seek(0)
    return load(file, **options)


def from_torch(value, new=True, **options):
    return exchanged(torch.save, tx.load, value, new, **options)


def to_torch(value, new=True):
    return exchanged(tx.save, torch.load, value, new, weights_only=True)


def values(x):
    if isinstance(x, torch.Tensor):
        return x.detach().to(torch.float64 if x.is_floating_point() else x.dtype).numpy()
    return to_numpy(x)


def assert_same_tensor(a, b):
    assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
    assert tuple(a.shape) == tuple(b.shape) and a.stride() == b.stride()
    assert a.storage_offset() == b.storage_offset() and a.requires_grad == b.requires_grad
    np.testing.assert_array_equal(values(a), values(b))


NEWER = ["uint16", "uint32", "uint64", "complex64", "complex128"]
DTYPES = [*ALL, *(name for name in NEWER if hasattr(tx, name) and name not in ALL)]


@formats
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors(dtype, layout, new):
    for library, exchange in ((torch, from_torch), (tx, to_torch)):
        x = LAYOUTS[layout](library.arange(24).reshape(2, 3, 4).to(getattr(library, dtype)))
        assert_same_tensor(exchange(x, new), x)


@formats
@pytest.mark.parametrize("dtype", ["float8_e5m2", "uint16", "complex64"])
def test_a_dtype_that_the_engine_does_not_have(dtype, new):
    if hasattr(tx, dtype):
        pytest.skip("it has it")
    with pytest.raises(FileFormatError, match=dtype):
        from_torch(torch.zeros(2, dtype=getattr(torch, dtype)), new)


VALUES = [
    None, True, 3, -(1 << 40), 1 << 100, 2.5, float("inf"), 1 + 2j, "grün", b"", b"\0\xff", bytearray(b"ab"), (1,), [[]],
    {"a": {"b": (1, 2, 3, 4)}, 1: None}, OrderedDict(x=1), Counter("aab"), {1, 2}, list(range(2000)),
]  # fmt: skip


@formats
def test_plain_values(new):
    assert from_torch(VALUES, new) == VALUES
    assert to_torch(VALUES, new) == VALUES


@formats
def test_types(new):
    theirs = [torch.Size([2, 3]), torch.float32, torch.bool, torch.device("cuda", 1), torch.device("cpu")]
    ours = [tx.Size([2, 3]), tx.float32, tx.bool, tx.device("cuda", 1), tx.device("cpu")]
    assert from_torch(theirs, new) == ours and to_torch(ours, new) == theirs


@formats
def test_sharing(new):
    for library, exchange in ((torch, from_torch), (tx, to_torch)):
        x = library.zeros(4)
        made = exchange({"all": x, "part": x[1:3], "again": x}, new)
        made["part"][0] = 7
        assert made["all"].tolist() == [0, 7, 0, 0] and made["again"] is made["all"]


@formats
def test_parameters_and_attributes(new):
    for library, exchange, result in ((torch, from_torch, tx), (tx, to_torch, torch)):
        x, p, q = library.ones(2), library.nn.Parameter(library.ones(2)), library.nn.Parameter(library.ones(1), False)
        x.note, p.note = "a", {"b": 1}
        x2, p2, q2 = exchange([x, p, q], new)
        assert x2.note == "a" and type(x2) is result.Tensor
        assert p2.note == {"b": 1} and type(p2) is result.nn.Parameter and p2.requires_grad and not q2.requires_grad
        y = exchange(library.ones(2, requires_grad=True), new)
        assert y.requires_grad and y.is_leaf


@formats
def test_models_and_optimisers(new):
    """A model and its optimiser go from one library to the other, train there, and come back."""
    data = np.random.default_rng(0).standard_normal((8, 4), dtype=np.float32)

    def made(library, optimiser):
        model = library.nn.Sequential(
            library.nn.Linear(4, 3, bias=False), library.nn.BatchNorm1d(3), library.nn.Linear(3, 2)
        )
        return model, getattr(library.optim, optimiser)(model.parameters(), lr=0.1)

    def train(library, model, optimiser):
        for _ in range(3):
            optimiser.zero_grad()
            model(library.from_numpy(data)).square().mean().backward()
            optimiser.step()

    for name in ("SGD", "AdamW"):
        torch.manual_seed(0)
        theirs, ours = made(torch, name), made(tx, name)
        train(torch, *theirs)
        state = from_torch([part.state_dict() for part in theirs], new)
        for part, saved in zip(ours, state):
            part.load_state_dict(saved)
        train(torch, *theirs)
        train(tx, *ours)
        for parameter, expected in zip(ours[0].parameters(), theirs[0].parameters()):
            np.testing.assert_allclose(to_numpy(parameter), values(expected), 1e-4, 1e-5)
        state = to_torch([part.state_dict() for part in ours], new)
        back = made(torch, name)
        for part, saved in zip(back, state):
            part.load_state_dict(saved)
        train(torch, *back)
        train(tx, *ours)
        for parameter, expected in zip(ours[0].parameters(), back[0].parameters()):
            np.testing.assert_allclose(to_numpy(parameter), values(expected), 1e-4, 1e-5)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(protocol):
    value = {
        "x": torch.ones(2),
        "s": {1, 2},
        "b": b"abc",
        "e": b"",
        "long": "y" * 300,
        "a": bytearray(b"q"),
        "t": (1, 2),
    }
    file = io.BytesIO()
    torch.save(value, file, pickle_protocol=protocol)
    file.seek(0)
    made = tx.load(file)
    assert made.pop("x").tolist() == [1, 1]
    value.pop("x")
    assert made == value


def test_mmap(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"x": torch.arange(1000), "y": torch.ones(3)}, path)
    made = tx.load(path, mmap=True)
    assert made["x"].tolist() == list(range(1000)) and made["y"].tolist() == [1, 1, 1]
    tx.save({"x": tx.arange(1000), "y": tx.ones(3)}, path)
    made = torch.load(path, mmap=True, weights_only=True)
    assert made["x"].tolist() == list(range(1000)) and made["y"].tolist() == [1, 1, 1]


def test_pytorch_computes_the_places_of_records(monkeypatch):
    """PyTorch can compute where a record lies instead of looking it up, and compares the two when it is told to."""
    from torch.utils.serialization import config

    monkeypatch.setenv("TORCH_SERIALIZATION_DEBUG", "1")
    with config.patch({"load.calculate_storage_offsets": True}):
        made = to_torch([tx.ones(n, dtype=tx.uint8) for n in (1, 0, 63, 64, 65, 0, 1000)])
    assert [len(x) for x in made] == [1, 0, 63, 64, 65, 0, 1000]


def test_files_without_check_sums():
    torch.serialization.set_crc32_options(False)
    try:
        assert from_torch({"x": torch.arange(3)})["x"].tolist() == [0, 1, 2]
    finally:
        torch.serialization.set_crc32_options(True)


def test_nothing_in_a_file_needs_to_be_declared_safe(tmp_path):
    path = tmp_path / "a.pt"
    value = {
        "x": tx.nn.Parameter(tx.ones(1)),
        "s": tx.nn.Linear(1, 1).state_dict(),
        "v": VALUES,
        "h": tx.ones(1).half(),
    }
    tx.save(value, path)
    assert torch.serialization.get_unsafe_globals_in_checkpoint(path) == []


def test_numpy_values():
    """PyTorch loads them where they are declared safe. No other code of NumPy's is needed for them."""
    values = {
        "matrix": np.arange(6.0, dtype="f4").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "number": np.float64(2.5),
        "flag": np.bool_(True),
        "empty": np.zeros((0, 2), "i4"),
    }
    for protocol in (2, 4):
        file = io.BytesIO()
        torch.save(values, file, pickle_protocol=protocol)
        file.seek(0)
        made = tx.load(file)
        for name, value in values.items():
            assert type(made[name]) is type(value) and made[name].dtype == value.dtype
            np.testing.assert_array_equal(made[name], value)
    for bad in (np.array([object()]), np.array(["text"]), np.zeros(2, "f4,i4"), np.zeros(2, ">f4")):
        file = io.BytesIO()
        torch.save(bad, file)
        file.seek(0)
        with pytest.raises(FileFormatError):
            tx.load(file)


class Custom:
    pass


def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)


REFUSED = {
    "module": (lambda: torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear.*state_dict\(\)"),
    "object": (lambda: {"a": Custom()}, r"Custom"),
    "function": (lambda: print, r"print"),
    "sparse tensor": (lambda: torch.eye(2).to_sparse(), r"_rebuild_sparse_tensor"),
    "quantised tensor": (quantised, "_rebuild_qtensor"),
    "conjugate": (lambda: torch.ones(2, dtype=torch.complex64).conj(), r"complex64|resolve_conj"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    make, message = REFUSED[name]
    for new in (True, False):
        file = io.BytesIO()
        torch.save(make(), file, _use_new_zipfile_serialization=new)
        file.seek(0)
        with pytest.raises(FileFormatError, match=message):
            tx.load(file, weights_only=False)


def test_torchscript_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", b"\x80\x02N.")
        file.writestr("a/constants.pkl", b"\x80\x02).")
    with pytest.raises(FileFormatError, match="TorchScript"):
        tx.load(path)
