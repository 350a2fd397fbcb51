"""The graph: one Node per recorded call.

A node holds edges, not tensors: for each input that needs a gradient, the pair (node, output number) that the input
had when the op ran. An in-place op may give that tensor another history later; the edge stays what it was.

Nodes are numbered as they are made (`order`). A node's inputs are older than itself, so the engine need only take the
youngest node first to have every gradient of a node complete when its turn comes.

Recording a call and calling its rules are in C (csrc/python/node.cpp); what a Node means is here.
"""

from .. import _C


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
    outputs = 64 if op.outputs is None else op.outputs
    return _C.Plan(op.node_name, rules, positions, op.joint_rule is not None, op.broadcasts, outputs)


def _choose(function, needs):
    """A joint rule's gradients for the inputs that need one; sequences of inputs are flattened into the edges."""

    def joint(g, *values):
        out = []
        for gradient, need in zip(function(needs, g, *values), needs, strict=True):
            if need:
                out.extend(gradient) if isinstance(gradient, (tuple, list)) else out.append(gradient)
        return out

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
