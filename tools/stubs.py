"""Write the type stubs of what is made at run time: ops, methods of Tensor, named results.

    make stubs        after a change to a public name or signature

Names, parameters, their order, kinds and defaults are those of run time. Types are not known there: they follow from
the names of parameters (TYPES) and of functions (RETURNS); what differs is in OVERRIDES and SIGNATURES of stub_types.py.
Modules that are ordinary Python (nn, optim, utils.data, autograd) need no stub: their annotations stand in the source.
"""

import inspect
import subprocess
import sys
import types
from pathlib import Path

from stub_types import OVERRIDES, RETURNS, SIGNATURES, TENSOR, TYPES

import tensorx
import tensorx.nn.functional
from tensorx import _C, return_types
from tensorx.autograd import grad_mode

SOURCES = Path(__file__).resolve().parent.parent / "src/tensorx"

# int, float, bool and dtype are also the names of dtypes (tensorx.int), methods (x.int()) and attributes (x.dtype).
IMPORTS = """# Written by tools/stubs.py: change that, or what it reads, instead.

from builtins import bool as _bool, float as _float, int as _int
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import IO, Any, Literal, Self, TypeVar, overload

from numpy.typing import NDArray
"""

KINDS = inspect.Parameter


def is_function(value):
    return callable(value) and not isinstance(value, type)


def is_python(function):
    """True when the function has a Python signature: not for one that the extension module gives as it is."""
    return isinstance(function, (_C.Op, _C.Composite, types.FunctionType))


def functions(namespace):
    """name -> function of the public functions of a module or class."""
    found = {name: getattr(namespace, name) for name in dir(namespace) if not name.startswith("_")}
    return {name: value for name, value in found.items() if is_function(value)}


def type_of(function, parameter):
    """What a parameter takes."""
    name = parameter.name
    found = OVERRIDES.get(f"{function}.{name}") or OVERRIDES.get(f"{function.rstrip('_')}.{name}") or TYPES.get(name)
    if found is None:
        raise SystemExit(f"tools/stub_types.py: say in TYPES what the parameter '{name}' of {function}() takes")
    return f"{found} | None" if parameter.default is None and found not in ("Any", "object") else found


def signatures(name, function, method):
    """'(parameters) -> result' of a function: several if it takes several sets of parameters."""
    parameters = list(inspect.signature(function).parameters.values())
    result = (
        RETURNS.get(name) or RETURNS.get(name.rstrip("_")) or ("Self" if method and name.endswith("_") else "Tensor")
    )
    if method and f"Tensor.{name}" in SIGNATURES:
        return SIGNATURES[f"Tensor.{name}"]
    if name in SIGNATURES:
        return [as_method(text) if method else text for text in SIGNATURES[name]]
    packed = next((p for p in parameters if p.kind is KINDS.VAR_POSITIONAL), None)
    if packed is None:
        return [written(name, parameters, result, method)]
    # permute(0, 1) and permute((0, 1)), zeros(2, 3) and zeros((2, 3)) or zeros(size=(2, 3))
    several = [p for p in parameters if p is packed or p.name != "size"]
    one = packed.replace(name="size" if packed.name == "sizes" else packed.name, kind=KINDS.POSITIONAL_OR_KEYWORD)
    single = [one if p is packed else p for p in several]
    return [written(name, each, result, method) for each in (several, single)]


def written(name, parameters, result, method):
    parts = []
    for i, parameter in enumerate(parameters):
        previous = parameters[i - 1] if i else None
        if previous and previous.kind is KINDS.POSITIONAL_ONLY and parameter.kind is not KINDS.POSITIONAL_ONLY:
            parts.append("/")
        if parameter.kind is KINDS.KEYWORD_ONLY and (
            not previous or previous.kind not in (KINDS.KEYWORD_ONLY, KINDS.VAR_POSITIONAL)
        ):
            parts.append("*")
        if i == 0 and method:
            parts.append("self")
            continue
        several = parameter.name == "out" and result.startswith(("tuple", "return_types"))
        kind = "Sequence[Tensor] | None" if several else type_of(name, parameter)
        if parameter.kind is KINDS.VAR_POSITIONAL:
            parts.append(f"*{parameter.name}: {'Tensor' if 'Tensor' in kind else '_int'}")
        else:
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            parts.append(f"{parameter.name}: {kind}{default}")
    if parameters and parameters[-1].kind is KINDS.POSITIONAL_ONLY:
        parts.append("/")
    return f"({', '.join(parts)}) -> {result}"


def as_method(signature):
    """A function's signature with `self` for its first parameter."""
    first = signature.index(",") if "," in signature[: signature.index(")")] else signature.index(")")
    return "(self" + signature[first:]


def definition(name, function, method=False):
    texts = signatures(name, function, method)
    head = "@overload\n" if len(texts) > 1 else ""
    return "".join(f"{head}def {name}{text}: ...\n" for text in texts)


def package_stub():
    """What `import tensorx as tx` gives."""
    imports, body = [], []
    for name in [n for n in dir(tensorx) if not n.startswith("_")]:
        value = getattr(tensorx, name)
        if inspect.ismodule(value):
            imports.append(f"from . import {name} as {name}\n")
        elif name in tensorx._LAZY_NAMES:
            imports.append(f"from .{tensorx._LAZY_NAMES[name]} import {name} as {name}\n")
        elif is_function(value) and not is_python(value):
            module = "autograd.grad_mode" if hasattr(grad_mode, name) else "_C"
            imports.append(f"from .{module} import {name} as {name}\n")
        elif is_function(value):
            body.append(definition(name, value))
        elif isinstance(value, type) and type(value) is not type(tensorx.FloatTensor):
            module = value.__module__.removeprefix("tensorx").removeprefix(".") or "_C"
            imports.append(f"from .{module} import {name} as {name}\n")
        elif isinstance(value, type):  # FloatTensor: made when it is called, asked for by isinstance
            body.append(f"{name}: type[Tensor]\n")
        else:
            body.append(f"{name}: {attribute_type(value)}\n")
    aliases = "from ._C import dtype as _dtype\nfrom .ops.convert import memory_format as _memory_format\n"
    return IMPORTS + aliases + "from .types import Device, Number\n" + "".join(imports + ["__version__: str\n"] + body)


def attribute_type(value):
    kind = type(value)
    return {"dtype": "_dtype", "float": "_float", "memory_format": "_memory_format", "NoneType": "None"}.get(
        kind.__name__, kind.__name__
    )


def tensor_stub():
    """class Tensor: what it adds to TensorBase, which _C.pyi describes."""
    imports = """
from . import return_types
from ._C import Generator, TensorBase, dtype as _dtype
from .autograd.hooks import RemovableHandle
from .cuda.streams import Stream
from .ops.convert import memory_format as _memory_format
from .ops.layout import layout as _layout
from .types import Device, Number
"""
    own = functions(tensorx.Tensor)
    body = "".join(definition(name, own[name], method=True) for name in sorted(own) if name in vars(tensorx.Tensor))
    return IMPORTS + imports + TENSOR + "".join(f"    {line}\n" for line in body.splitlines())


def functional_stub():
    imports = "from ... import Tensor\nfrom ..._C import dtype as _dtype\nfrom ...types import Number\n"
    imports += "from .chunked_loss import LinearCrossEntropyOptions\n"
    return IMPORTS + imports + "".join(definition(n, f) for n, f in functions(tensorx.nn.functional).items())


def results_stub():
    """The named tuples."""
    text = IMPORTS + "from .tensor import Tensor\n"
    for name, made in vars(return_types).items():
        if isinstance(made, type) and made.__module__ == return_types.__name__:
            fields = [field for field, value in vars(made).items() if isinstance(value, property)]
            text += f"class {name}(tuple[{', '.join(['Tensor'] * len(fields))}]):\n"
            text += "".join(f"    @property\n    def {field}(self) -> Tensor: ...\n" for field in fields)
    return text


WRITTEN = {
    "__init__.pyi": package_stub,
    "tensor.pyi": tensor_stub,
    "return_types.pyi": results_stub,
    "nn/functional/__init__.pyi": functional_stub,
}


def main():
    paths = [SOURCES / name for name in WRITTEN]
    for path, text in zip(paths, [make() for make in WRITTEN.values()]):
        path.write_text(text)
    for command in (["check", "--fix", "--select=F401,I001"], ["format"]):
        subprocess.run([Path(sys.executable).parent / "ruff", *command, "--quiet", *paths], check=True)


if __name__ == "__main__":
    main()
