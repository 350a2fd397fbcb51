"""Row 45: batches made by worker processes, in shared memory; their errors arrive, and nothing hangs or stays behind."""

import os
import signal

import numpy as np
import pytest
from memory_use import peak

import tensorx as tx
from tensorx.utils.data import DataLoader, Dataset
from worker_cases import LARGE, Calls, Rows, children, values, within

pytestmark = [
    pytest.mark.usefixtures("nothing_leaks"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]
SIDE = 8
IMAGES = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small grey images, one a file, as PGM. Image i shows i in its first two pixels, and a gradient."""
    path = tmp_path_factory.mktemp("images")
    pixels = np.arange(SIDE * SIDE, dtype=np.uint8)
    for i in range(IMAGES):
        pixels[:2] = divmod(i, 256)
        (path / f"{i}.pgm").write_bytes(b"P5 %d %d 255\n" % (SIDE, SIDE) + pixels.tobytes())
    return path


class Images(Dataset):
    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        with open(f"{self.folder}/{index}.pgm", "rb") as file:
            header, data = file.read().split(b"\n", 1)
        assert header == b"P5 8 8 255"
        return tx.frombuffer(bytearray(data), dtype=tx.uint8).view(1, SIDE, SIDE), index % 10


def test_ten_thousand_files(folder, device):
    """Every image once, in a shuffled order that depends on the generator alone; batches go to the device."""
    seen, totals = [], []
    for workers in (2,) if device == "cuda" else (0, 2):
        generator = tx.Generator()
        generator.manual_seed(1)
        loader = DataLoader(
            Images(folder), 250, shuffle=True, generator=generator, num_workers=workers, pin_memory=device == "cuda"
        )
        order = []
        for images, labels in loader:
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            numbers = images[:, 0, 0, 0].long() * 256 + images[:, 0, 0, 1]
            assert (numbers % 10 == labels).all()
            order += numbers.tolist()
        seen.append(order)
        totals.append(len(loader))
    assert all(sorted(order) == list(range(IMAGES)) for order in seen) and totals == [40] * len(seen)
    assert seen[0] == seen[-1] != sorted(seen[0])


def test_batches_are_not_copied_here():
    """What arrives is the memory that the worker wrote: this process allocates nothing for it, however much there is."""

    def run():
        for x, _ in DataLoader(Rows(16, 1_000_000), 4, num_workers=1):  # 16 MB each
            assert x.shape == (4, 1_000_000)

    assert peak("cpu", run) < 100_000


def test_an_exception_arrives_whole():
    def function(index):
        return {"a": 1}["b"] if index == 3 else index

    with (
        within(),
        pytest.raises(KeyError, match="(?s)Caught KeyError in DataLoader worker process 1.*in function.*'b'"),
    ):
        list(DataLoader(Calls(function), 1, num_workers=2))


def test_a_killed_worker_raises():
    batches = iter(DataLoader(Rows(1000), 1, num_workers=2))
    next(batches)
    os.kill(children()[0], signal.SIGKILL)
    with within(), pytest.raises(RuntimeError, match="killed by signal SIGKILL"):
        list(batches)
    assert not children()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_start_methods_and_persistent_workers(method):
    loader = DataLoader(Rows(6, LARGE), 2, num_workers=1, persistent_workers=True, multiprocessing_context=method)
    expected = [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]
    assert values(loader) == expected
    before = children()
    assert values(loader) == expected and children() == before
