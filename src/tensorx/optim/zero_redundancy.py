"""ZeRO-1: the states of an optimiser divided among MPI processes. Rajbhandari et al. 2020, arXiv:1910.02054."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .. import Tensor, no_grad, uint8
from .optimizer import Optimizer, evaluate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ZeroRedundancyOptimizer(Optimizer):
    """An optimiser of which each process keeps the states of its own share of the parameters, 1/N of them, and no others.

    All processes of `process_group`, an mpi4py communicator (default: COMM_WORLD), have the whole model. `step` updates the
    parameters of this process by an `optimizer_class`, made with the `defaults`, and then every process sends its parameters to
    the others: the result is that of the optimiser alone, bit for bit. Give all of them the same gradients before: average
    those that differ (`Allreduce`). Parameters are given out by size, the largest first, to whoever has fewest elements.

    Options in `param_groups` may be changed as always, so schedulers work, on all processes alike. `step`,
    `consolidate_state_dict` and a new parameter group concern all processes: each must make the call. Needs mpi4py: ImportError
    without it. PyTorch's is torch.distributed.optim.ZeroRedundancyOptimizer.

    >>> import tensorx as tx
    >>> class Alone:  # as mpi4py.MPI.COMM_WORLD is when mpiexec has not been used
    ...     rank, size = 0, 1
    >>> weight = tx.nn.Parameter(tx.tensor([1.0]))
    >>> optimizer = tx.optim.ZeroRedundancyOptimizer([weight], tx.optim.Adam, process_group=Alone, lr=0.25)
    >>> (weight ** 2).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([0.7500])
    """

    def __init__(
        self,
        params: Iterable[Any],
        optimizer_class: Callable[..., Optimizer],
        process_group: Any = None,
        **defaults: Any,
    ) -> None:
        self._group = _world() if process_group is None else process_group
        self._loads = [0] * self._group.size  # elements that each process updates
        self._owner: dict[Tensor, int] = {}
        self._consolidated: Any = None
        self._local: Any = None
        super().__init__(params, defaults)
        shares = [self._share(group) for group in self.param_groups]
        self._local = optimizer_class(shares, **defaults)
        self.defaults = self._local.defaults
        self.state = self._local.state
        for group, share in zip(self.param_groups, self._local.param_groups):
            group.update(_options(share))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As for any optimiser, and on all processes alike."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for param in sorted(group["params"], key=lambda param: -param.numel()):
            rank = self._loads.index(min(self._loads))
            self._owner[param] = rank
            self._loads[rank] += param.numel()
        if self._local is not None:
            self._local.add_param_group(self._share(group))

    def _share(self, group):
        """The group with the parameters of this process alone."""
        mine = [param for param in group["params"] if self._owner[param] == self._group.rank]
        return {"params": mine, **_options(group)}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters of this process, then make those of all the same everywhere. Returns the closure's loss."""
        loss = evaluate(closure)
        self._consolidated = None
        self._pass_options_on()
        self._local.step()
        for group in self.param_groups if self._group.size > 1 else ():
            for param in group["params"]:
                self._broadcast(param, self._owner[param])
        return loss

    def _pass_options_on(self):
        for group, share in zip(self.param_groups, self._local.param_groups):
            share.update(_options(group))

    @no_grad()
    def _broadcast(self, param, owner):
        value = param.detach().cpu().contiguous()  # the parameter's own memory, where that is possible
        self._group.Bcast(value.reshape(-1).view(uint8).numpy(), root=owner)
        if self._group.rank != owner:
            param.copy_(value)

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Collect all states on the process `to`, where `state_dict` gives them until the next step."""
        self._pass_options_on()
        mine = self._own_numbers()
        states = {mine[local]: value for local, value in self._local.state_dict()["state"].items()}
        if self._group.rank != to:
            self._group.send(states, dest=to)
            self._consolidated = None
            return
        for rank in range(self._group.size):
            if rank != to:
                states.update(self._group.recv(source=rank))
        numbers = {param: i for i, param in enumerate(self._all_params())}
        groups = []
        for group in self.param_groups:
            saved = {name: value for name, value in group.items() if name != "params"}
            groups.append({**saved, "params": [numbers[param] for param in group["params"]]})
        self._consolidated = {"state": dict(sorted(states.items())), "param_groups": groups}

    def state_dict(self) -> dict[str, Any]:
        """The states of all parameters, laid out as those of `optimizer_class`. RuntimeError without consolidate_state_dict."""
        if self._consolidated is None:
            raise RuntimeError(
                f"the states are divided among {self._group.size} processes: call consolidate_state_dict(to=rank) on all of "
                f"them after the last step, and state_dict() on that rank (this is rank {self._group.rank})"
            )
        return self._consolidated

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the states of all parameters, of this class or of `optimizer_class` alone; each process keeps its own."""
        local_numbers = {number: i for i, number in enumerate(self._own_numbers())}
        groups = [
            {**group, "params": [local_numbers[i] for i in group["params"] if i in local_numbers]}
            for group in state_dict["param_groups"]
        ]
        state = {local_numbers[i]: value for i, value in state_dict["state"].items() if i in local_numbers}
        self._local.load_state_dict({"state": state, "param_groups": groups})
        self.state = self._local.state
        for group, share in zip(self.param_groups, self._local.param_groups):
            group.update(_options(share))

    def _all_params(self):
        """All parameters in the order of their numbers in a state_dict."""
        return list(dict.fromkeys(param for group in self.param_groups for param in group["params"]))

    def _own_numbers(self):
        """The numbers that the parameters of this process have among all."""
        return [i for i, param in enumerate(self._all_params()) if self._owner[param] == self._group.rank]


def _options(group):
    """A group without its parameters."""
    return {name: value for name, value in group.items() if name not in ("params", "param_names")}


def _world():
    try:
        from mpi4py import MPI
    except ImportError:
        raise ImportError(
            "ZeroRedundancyOptimizer needs mpi4py and an MPI: pip install mpi4py mpich, or give it a process_group"
        ) from None
    return MPI.COMM_WORLD
