"""One of several processes under mpiexec: trains with divided states and with whole ones, and prints what it found.

Run by test_q54_optimizer_memory.py: mpiexec -n 2 python zero_ranks.py DEVICE
"""

import json
import sys

import numpy
from mpi4py import MPI

import tensorx as tx

world = MPI.COMM_WORLD
device = sys.argv[1]


def network():
    tx.manual_seed(0)
    return tx.nn.Sequential(tx.nn.Linear(40, 30), tx.nn.ReLU(), tx.nn.Linear(30, 40), tx.nn.Linear(40, 3)).to(device)


def train(model, optimizer, steps, schedule=None):
    """On this process's own data, with gradients averaged over all."""
    for step in range(steps):
        tx.manual_seed(100 * step + world.rank)
        optimizer.zero_grad()
        (model(tx.randn(8, 40).to(device)) ** 2).mean().backward()
        for parameter in model.parameters():
            total = numpy.empty_like(parameter.grad.cpu().numpy())
            world.Allreduce(parameter.grad.cpu().numpy(), total)
            parameter.grad = tx.from_numpy(total / world.size).to(device)
        optimizer.step()
        if schedule:
            schedule.step()


def groups(model):
    parameters = list(model.parameters())
    return [{"params": parameters[:2]}, {"params": parameters[2:], "weight_decay": 0.0}]


def equal(a, b):
    return all(tx.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


found = {"rank": world.rank}
for name in ("AdamW", "SGD", "Adagrad", "NAdam"):
    options = {"lr": 0.01, "weight_decay": 0.1, **({"momentum": 0.9} if name == "SGD" else {})}
    whole, divided = network(), network()
    alone = getattr(tx.optim, name)(groups(whole), **options)
    zero = tx.optim.ZeroRedundancyOptimizer(groups(divided), getattr(tx.optim, name), **options)
    schedules = [tx.optim.lr_scheduler.ExponentialLR(each, 0.9) for each in (alone, zero)]
    train(whole, alone, 5, schedules[0])
    train(divided, zero, 5, schedules[1])
    found[name] = equal(whole, divided)
    found[name + " bytes"] = [
        sum(tx.memory_report(model, each).optimizer_state.values()) for model, each in ((whole, alone), (divided, zero))
    ]
    # Through a file: the states of all, collected on one process, go into either kind of optimiser.
    try:
        zero.state_dict()
        found["refused"] = False
    except RuntimeError:
        found["refused"] = True
    zero.consolidate_state_dict(to=1)
    saved = world.bcast(zero.state_dict() if world.rank == 1 else None, root=1)
    ours, theirs = alone.state_dict(), saved
    found[name + " saved"] = ours["param_groups"] == theirs["param_groups"] and all(
        tx.equal(value, theirs["state"][number][key])
        for number, entries in ours["state"].items()
        for key, value in entries.items()
    )
    fresh = tx.optim.ZeroRedundancyOptimizer(groups(divided), getattr(tx.optim, name), **options)
    fresh.load_state_dict(saved)
    train(whole, alone, 2)
    train(divided, fresh, 2)
    found[name + " resumed"] = equal(whole, divided)

extra = tx.nn.Parameter(tx.ones(5, device=device))
zero.add_param_group({"params": [extra], "lr": 1.0})
for parameter in (*divided.parameters(), extra):
    parameter.grad = tx.ones_like(parameter)
zero.step()
found["extra"] = extra.tolist()
for rank in range(world.size):
    if rank == world.rank:
        print(json.dumps(found), flush=True)
    world.Barrier()
