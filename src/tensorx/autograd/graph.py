"""The graph: one Node per recorded call.

A node holds edges, not tensors: for each input that needs a gradient, the pair (node, output number) that the input
had when the op ran. An in-place op may give that tensor another history later; the edge stays what it was.

Nodes are numbered as they are made (`order`). A node's inputs are older than itself, so the engine need only take the
youngest node first to have every gradient of a node complete when its turn comes.

Recording a call and calling its rules are in C (csrc/python/node.cpp); what a Node means is here. So is what a user may
want of a graph, in modules of its own: hooks on saved tensors, edges, drawing.
"""

from .. import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from .drawing import to_dot as to_dot
    from .drawing import to_svg as to_svg
    from .edges import get_gradient_edge as get_gradient_edge
    from .edges import increment_version as increment_version
    from .edges import register_multi_grad_hook as register_multi_grad_hook
    from .saved_tensors import allow_mutation_on_saved_tensors as allow_mutation_on_saved_tensors
    from .saved_tensors import disable_saved_tensors_hooks as disable_saved_tensors_hooks
    from .saved_tensors import save_on_cpu as save_on_cpu
    from .saved_tensors import saved_tensors_hooks as saved_tensors_hooks

# Public names that live elsewhere and are loaded when they are first used.
_LAZY = {
    "allow_mutation_on_saved_tensors": "saved_tensors",
    "disable_saved_tensors_hooks": "saved_tensors",
    "get_gradient_edge": "edges",
    "increment_version": "edges",
    "register_multi_grad_hook": "edges",
    "save_on_cpu": "saved_tensors",
    "saved_tensors_hooks": "saved_tensors",
    "to_dot": "drawing",
    "to_svg": "drawing",
}

if TYPE_CHECKING:

    class GradientEdge(NamedTuple):
        node: Any
        output_nr: int

else:
    from ..return_types import make

    GradientEdge = make("GradientEdge", "node", "output_nr")
    GradientEdge.__doc__ = (
        "Where a gradient goes: to output `output_nr` of `node`. Stands for a tensor in `grad`'s inputs."
    )


def __getattr__(name):
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"..{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Node(_C.NodeBase):
    """A recorded call: what made a tensor, and how gradients pass through it.

    `plan` says which rules to run and is shared by all calls of an op with the same inputs needing gradients;
    `edges` where their gradients flow; `saved` holds, for each rule, the values it named; `outputs` what an op with
    several outputs needs to fill in missing gradients. `gradients(g)` runs the rules.
    """

    __slots__ = ()
    materialize_grads = True  # a Function may ask for None instead of zeros where no gradient reached an output

    def name(self):
        """The node's name as PyTorch writes it: the op's, in capitals, with `Backward0`."""
        return self.plan.name

    @property
    def next_functions(self):
        """The edges: pairs (node, output number), or (None, 0) where no gradient is needed."""
        return tuple(edge or (None, 0) for edge in self.edges)

    @property
    def metadata(self):
        """A dict for the user's own notes on this node."""
        if self.notes is None:
            self.notes = {}
        return self.notes

    def _sequence_nr(self):
        """The node's age: a node that was made later has a greater number."""
        return self.order

    def __getattr__(self, name):
        # _saved_other: what a gradient rule wants of `other`. PyTorch calls the first operand self, the output result.
        if not name.startswith("_saved_") or self.plan is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        for values, names in zip(self._saved_values(), self._saved_names(), strict=True):
            if name in names:
                return _C.unpack((values[names.index(name)],), self)[0]
        known = sorted({name for names in self._saved_names() for name in names})
        raise AttributeError(f"{self.name()} saves no {name!r}: it has {', '.join(known) or 'nothing'}")

    def __dir__(self):
        saved = self._saved_names() if self.plan is not None else ()
        return [*super().__dir__(), *(name for names in saved for name in names)]

    def _saved_names(self):
        """For each rule, the names of the values saved for it."""
        return [
            tuple("_saved_" + _SAVED_AS.get(name, name) for name in _wanted_names(rule)) for rule in self.plan.rules
        ]

    def _saved_values(self):
        if self.saved is None:
            raise RuntimeError(
                f"{self.name()}: trying to access saved tensors after they have already been freed: they are freed by "
                "backward() unless it is given retain_graph=True"
            )
        return self.saved

    def register_hook(self, hook):
        """Call `hook(grad_inputs, grad_outputs)` after this node's gradients are computed; it may return new ones."""
        from .hooks import add_hook

        if self.hooks is None:
            self.hooks = {}
        return add_hook(self.hooks, hook)

    def register_prehook(self, hook):
        """Call `hook(grad_outputs)` before this node runs; it may return new ones."""
        from .hooks import add_hook

        if self.pre_hooks is None:
            self.pre_hooks = {}
        return add_hook(self.pre_hooks, hook)

    def __repr__(self):
        return f"<{self.name()} object at {id(self):#x}>"


_SAVED_AS = {"input": "self", "out": "result"}


def _wanted_names(rule):
    """What a gradient rule takes beyond the gradient, by name."""
    joint = getattr(rule, "joint_rule", None)
    code, leading = (rule.__code__, 1) if joint is None else (joint.__code__, 2)
    return code.co_varnames[leading : code.co_argcount]


class AccumulateGrad(Node):
    """The end of the line: adds what arrives to the `grad` of a leaf, its `variable`."""

    __slots__ = ()

    def name(self):
        return "AccumulateGrad"


class Metadata:
    """Shape, dtype and device of a tensor that is not kept."""

    __slots__ = ("device", "dtype", "shape")

    def __init__(self, x):
        self.shape, self.dtype, self.device = x.shape, x.dtype, x.device


ALL_OUTPUTS = 2**31 - 1  # more than any call has


def make_plan(op, mask):
    """How to record and differentiate `op` when the arguments in mask need a gradient. Called from C, once per choice."""
    parameters = op.parameters
    if op.joint_rule is not None:
        function, names = op.joint_rule
        needs = [mask >> parameters.index(p) & 1 == 1 for p in op.joint_inputs]
        rules, wants = (_choose(function, needs),), (names,)
    else:
        needed = [p for i, p in enumerate(parameters) if mask >> i & 1]
        for p in needed:
            if p not in op.rules:
                raise RuntimeError(f"{op.name}(): the derivative with respect to '{p}' is not implemented")
        rules = tuple(op.rules[p][0] for p in needed)
        wants = tuple(op.rules[p][1] for p in needed)
    positions = tuple(tuple(_position(parameters, name) for name in names) for names in wants)
    outputs = ALL_OUTPUTS if op.outputs is None else op.outputs
    return _C.Plan(op.node_name, rules, positions, op.joint_rule is not None, op.broadcasts, outputs)


def _choose(function, needs):
    """A joint rule's gradients for the inputs that need one; sequences of inputs are flattened into the edges."""

    def joint(g, *values):
        out = []
        for gradient, need in zip(function(needs, g, *values), needs, strict=True):
            if need:
                out.extend(gradient) if isinstance(gradient, (tuple, list)) else out.append(gradient)
        return out

    joint.joint_rule = function
    return joint


def _position(parameters, name):
    """The number by which C knows a name in a rule's signature."""
    if name == "out":
        return -1
    if name in parameters:
        return parameters.index(name)
    if name.endswith("_shape") and name[:-6] in parameters:
        return -2 - parameters.index(name[:-6])
    if name.endswith("_dtype") and name[:-6] in parameters:
        return -1000 - parameters.index(name[:-6])
    if name.endswith("_geometry") and name[:-9] in parameters:
        return -2000 - parameters.index(name[:-9])
    raise TypeError(f"a gradient rule asks for '{name}', which is no parameter of {parameters}")


def attach(node, outputs):
    """Give each output of a call that may require a gradient this node as its history. Called from C for several outputs."""
    node.outputs = tuple(
        Metadata(x) if number < node.plan.outputs and x.dtype._differentiable else None
        for number, x in enumerate(outputs)
    )
    for number, x in enumerate(outputs):
        if node.outputs[number] is not None:
            x._set_history(node, number)


_C.set_node_classes(Node, AccumulateGrad)
_C.set_hook("make_plan", make_plan)
_C.set_hook("attach", attach)
