"""Concept 54: the memory of Adam's states: reported, of a known size, and divided among processes (ZeRO-1)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from memory_use import held, peak

import tensorx as tx

#       optimiser, options, bytes of state per element of a float32 parameter
SIZES = [
    ("SGD", {"lr": 0.1}, 0),
    ("SGD", {"lr": 0.1, "momentum": 0.9}, 4),
    ("Adam", {}, 8),
    ("Adam", {"amsgrad": True}, 12),
    ("AdamW", {}, 8),
    ("Adamax", {}, 8),
    ("NAdam", {}, 8),
    ("RAdam", {}, 8),
    ("Adagrad", {}, 4),
    ("Adadelta", {}, 8),
    ("RMSprop", {}, 4),
    ("RMSprop", {"momentum": 0.9, "centered": True}, 12),
    ("Rprop", {}, 8),
    ("ASGD", {}, 4),
    ("Muon", {}, 4),
    ("Adafactor", {}, 0),  # a row and a column of each matrix
]


@pytest.mark.parametrize("name, options, size", SIZES)
def test_sizes_of_states(name, options, size, device):
    weight = tx.nn.Parameter(tx.zeros(128, 256, device=device))
    weight.grad = tx.ones(128, 256, device=device)
    before = held(device)
    optimizer = getattr(tx.optim, name)([weight], **options)
    optimizer.step()
    grown = held(device) - before
    model = tx.nn.ParameterList([weight])
    reported = sum(tx.memory_report(model, optimizer).optimizer_state.values())
    expected = size * weight.numel()
    assert expected <= reported <= expected + 4 * (128 + 256) + 64  # and the numbers of one parameter
    assert expected <= grown <= expected + 8 * 1024, "what is reported is what is held"


def test_a_step_takes_no_memory(device):
    """After the first one, which makes the states."""
    weight = tx.nn.Parameter(tx.zeros(128, 256, device=device))
    weight.grad = tx.ones(128, 256, device=device)
    for name in ("SGD", "Adam", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD"):
        optimizer = getattr(tx.optim, name)([weight], lr=0.1)
        optimizer.step()
        assert peak(device, optimizer.step) < 4096, name


def test_half_precision_halves_the_states(device):
    bytes_of = {}
    for dtype in (tx.float32, tx.bfloat16):
        model = tx.nn.Linear(100, 100, bias=False, dtype=dtype, device=device)
        model(tx.ones(1, 100, dtype=dtype, device=device)).sum().backward()
        optimizer = tx.optim.Adam(model.parameters())
        optimizer.step()
        bytes_of[dtype] = sum(tx.memory_report(model, optimizer).optimizer_state.values())
    assert bytes_of[tx.bfloat16] == pytest.approx(bytes_of[tx.float32] / 2, rel=0.01)


def test_two_processes_hold_half_of_the_states_each(device):
    """And train exactly as one does that holds them all."""
    pytest.importorskip("mpi4py", reason="runs processes of MPI: pip install '.[test]'")
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if mpiexec is None:
        pytest.skip("no mpiexec beside Python or on the PATH: pip install mpich")
    script = Path(__file__).parent / "zero_ranks.py"
    process = subprocess.run(
        [mpiexec, "-n", "2", sys.executable, str(script), device], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    ranks = sorted((json.loads(line) for line in process.stdout.splitlines()), key=lambda found: found["rank"])
    assert [found["rank"] for found in ranks] == [0, 1]
    for name in ("AdamW", "SGD", "Adagrad", "NAdam"):
        for found in ranks:
            assert found[name] and found[name + " saved"] and found[name + " resumed"], name
            whole, part = found[name + " bytes"]
            assert 0.4 * whole < part < 0.6 * whole
        assert sum(found[name + " bytes"][1] for found in ranks) == ranks[0][name + " bytes"][0]  # each state once
    assert all(found["refused"] for found in ranks)
    assert ranks[0]["extra"] == ranks[1]["extra"] != [1.0] * 5


class Alone:
    """A communicator of one process."""

    rank, size = 0, 1


def test_one_process_needs_no_mpi():
    weight, twin = tx.nn.Parameter(tx.ones(3)), tx.nn.Parameter(tx.ones(3))
    zero = tx.optim.ZeroRedundancyOptimizer([weight], tx.optim.Adam, process_group=Alone, lr=0.1)
    adam = tx.optim.Adam([twin], lr=0.1)
    for _ in range(3):
        weight.grad = twin.grad = tx.tensor([1.0, -2.0, 0.5])
        zero.step()
        adam.step()
    assert tx.equal(weight, twin)
    with pytest.raises(RuntimeError, match="call consolidate_state_dict"):
        zero.state_dict()
    zero.consolidate_state_dict()
    assert repr(zero.state_dict()) == repr(adam.state_dict())
    with pytest.raises(TypeError):
        tx.optim.ZeroRedundancyOptimizer([weight], tx.optim.Adam, process_group=Alone, speed=1)
