"""Drawing a graph: dot text, which needs nothing, and SVG, which needs Graphviz."""

from __future__ import annotations

from .. import _C
from .graph import AccumulateGrad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..tensor import Tensor

_LEAF, _ROOT = "lightblue", "palegreen"


def to_dot(outputs: Tensor | Iterable[Tensor], params: Mapping[str, Tensor] | Any | None = None) -> str:
    """The graph behind `outputs` (a tensor or several) in Graphviz's dot language, gradients flowing downwards.

    Args:
        outputs: tensors that require a gradient.
        params: names for leaves: a dict from name to tensor, (name, tensor) pairs, or an nn.Module.

    A box is a recorded call, with the shape of its result where it is known; an ellipse in blue is a leaf, with its name and
    shape. Paste the text into any dot viewer, or see `to_svg`.

    >>> import tensorx as tx
    >>> w = tx.ones(2, 3, requires_grad=True)
    >>> print(tx.autograd.graph.to_dot((w * 2).sum(), {"w": w}))
    digraph {
        node [shape=box, fontname="monospace", fontsize=10]
        n0 [label="output\\n[]", shape=ellipse, style=filled, fillcolor=palegreen]
        n1 [label="SumBackward0"]
        n2 [label="MulBackward0"]
        n3 [label="w\\n[2, 3]", shape=ellipse, style=filled, fillcolor=lightblue]
        n0 -> n1
        n1 -> n2
        n2 -> n3
    }
    """
    outputs = (outputs,) if isinstance(outputs, _C.TensorBase) else tuple(outputs)
    names = _names(params)
    lines, edges = [], []
    numbers: dict[Any, int] = {}

    def number_of(node):
        if node not in numbers:
            numbers[node] = len(outputs) + len(numbers)
            queue.append(node)
        return numbers[node]

    queue: list[Any] = []
    for i, x in enumerate(outputs):
        if not isinstance(x, _C.TensorBase):
            raise TypeError(f"to_dot(): expected tensors, but output {i} is {type(x).__name__}")
        if not x.requires_grad:
            raise RuntimeError(f"to_dot(): output {i} has no graph: it does not require grad")
        name = names.get(id(x), "output" if len(outputs) == 1 else f"output {i}")
        lines.append(_box(i, [name, str(list(x.shape))], _ROOT))
        edges.append(_arrow(i, number_of(x._edge[0]), x.output_nr))
    for node in queue:  # grows
        lines.append(_drawn(numbers[node], node, names))
        for edge in node.edges:
            if edge is not None:
                edges.append(_arrow(numbers[node], number_of(edge[0]), edge[1]))
    head = '    node [shape=box, fontname="monospace", fontsize=10]'
    return "\n".join(["digraph {", head, *lines, *edges, "}"])


def to_svg(
    outputs: Tensor | Iterable[Tensor],
    params: Mapping[str, Tensor] | Any | None = None,
    path: Any = None,
) -> str:
    """The graph behind `outputs` as SVG text, drawn by Graphviz's `dot`; also written to the file `path`, if given.

    Args: as in `to_dot`.

    RuntimeError where the program `dot` is not installed.
    """
    import subprocess

    text = to_dot(outputs, params)
    try:
        svg = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise RuntimeError(
            "to_svg(): Graphviz is not installed: there is no program `dot`. Install it (apt install graphviz, brew install "
            "graphviz), or use to_dot(), whose text any dot viewer draws"
        ) from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"to_svg(): Graphviz failed: {error.stderr.strip()}") from None
    if path is not None:
        with open(path, "w") as file:
            file.write(svg)
    return svg


def _names(params):
    """id of a tensor -> its name."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = params.named_parameters()
    pairs = params.items() if hasattr(params, "items") else params
    return {id(x): str(name) for name, x in pairs}


def _drawn(number, node, names):
    if type(node) is AccumulateGrad:
        leaf = node.variable
        return _box(number, [names.get(id(leaf), "leaf"), str(list(leaf.shape))], _LEAF)
    shapes = [str(list(m.shape)) for m in node.outputs or () if m is not None]
    return _box(number, [node.name(), *shapes])


def _box(number, lines, color=None):
    label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    style = f", shape=ellipse, style=filled, fillcolor={color}" if color else ""
    return f'    n{number} [label="{label}"{style}]'


def _arrow(source, target, output):
    label = f' [label="{output}"]' if output else ""
    return f"    n{source} -> n{target}{label}"
