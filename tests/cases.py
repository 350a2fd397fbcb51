"""The table of ops under test: one row per op, from the modules in rows/. test_cases.py drives it.

A row is data: how to call the op, with what, and what should come out. `t(2, 3)` in a call is a tensor argument.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field

import rows
import tensorx as tx
from support import ALL, FLOATS, Call


@dataclass
class Case:
    """One op.

    name: the function in tensorx, or in torch, dotted below the package: "nn.functional.relu".
    calls: sample calls. The first with floating-point tensors of moderate size is used for gradients.
    reference: a NumPy function of the same arguments, in float64; None where torch (tests/parity) is the reference.
    dtypes: those the op takes. With all others it must raise an error that names it.
    gradient: whether gradients flow to its floating-point inputs. second: to second order as well.
    special: also call it with NaN, infinities and signed zeros.
    large: a call big enough to be cut into several chunks of work; None, with `why`, where nothing is computed.
    view: the result shares memory with the first argument.
    errors: (call, exception, text that the message must contain).
    function: how to call it, where it is no function of its own: a method, an operator.
    lenient: other dtypes than `dtypes` are converted, where PyTorch refuses them.
    shown: the name in messages, where the op stands on another.
    tolerance: by dtype, where the defaults of support.py do not hold; `why` says why.
    """

    name: str
    calls: list[Call]
    reference: Callable | None = None
    dtypes: tuple = ALL
    gradient: bool = True
    second: bool = True
    special: bool = False
    large: Call | None = None
    view: bool = False
    errors: list = field(default_factory=list)
    function: Callable | None = None
    torch_function: Callable | None = None
    tolerance: dict = field(default_factory=dict)
    why: str = ""
    lenient: bool = False
    shown: str = ""

    def resolve(self, namespace):
        """The callable in tensorx or torch; None where it has none."""
        given = self.function if namespace is tx else self.torch_function or self.function
        if given is not None:
            return given
        found = namespace
        for part in self.name.split("."):
            try:
                found = getattr(found, part, None)
            except ModuleNotFoundError:
                return None
        if found is None and "." not in self.name:
            found = getattr(namespace.Tensor, self.name, None)
        return found

    @property
    def method(self):
        """The name of its method on Tensor; what has one is also called that way."""
        return self.name.rpartition(".")[2]

    @property
    def gradient_calls(self):
        """The calls small enough for finite differences, with floating-point inputs."""
        if not self.gradient:
            return []
        floating = [c for c in self.calls if any(x.dtype is None or x.dtype in FLOATS for x in c.tensors())]
        return [c for c in floating if 0 < sum(_numel(x.shape) for x in c.tensors()) <= 80][:3]

    def __repr__(self):
        return self.name


def _numel(shape):
    count = 1
    for n in shape:
        count *= n
    return count


def collect():
    found = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(rows.__path__)):
        for case in importlib.import_module(f"rows.{module}").ROWS:
            assert case.name not in found, f"{case.name} has two rows"
            found[case.name] = case
    return found


REGISTERED = collect()
CASES = {name: case for name, case in REGISTERED.items() if case.function or case.resolve(tx)}
