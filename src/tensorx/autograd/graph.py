"""The graph: one Node per recorded call.

A node holds edges, not tensors: for each input that needs a gradient, the pair (node, output number) that the input
had when the op ran. An in-place op may give that tensor another history later; the edge stays what it was.
"""

from itertools import count

from .. import _C

# Nodes are numbered as they are made. A node's inputs are older than itself, so the engine need only take the
# youngest node first to have every gradient of a node complete when its turn comes.
next_order = count().__next__


class Node:
    """A recorded call: what made a tensor, and how gradients pass through it.

    `plan` says which rules to run and is shared by all calls of an op with the same inputs needing gradients;
    `saved` holds, for each rule, the values it named; `fit` the shapes and dtypes that gradients of broadcast
    inputs are summed to; `outputs` what an op with several outputs needs to fill in missing gradients.
    """

    __slots__ = ("__weakref__", "edges", "fit", "hooks", "metadata_", "order", "outputs", "plan", "pre_hooks", "saved")

    def __init__(self):
        self.hooks = self.pre_hooks = self.outputs = self.fit = self.metadata_ = None

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
        if self.metadata_ is None:
            self.metadata_ = {}
        return self.metadata_

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

    def gradients(self, g):
        """One gradient (or None) per edge, from the gradient `g` of the output (a tuple if there are several)."""
        saved = self.saved
        if saved is None:
            raise RuntimeError(
                f"{self.name()}: trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the graph are freed when "
                "you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
                "the graph a second time or if you need to access saved tensors after calling backward."
            )
        plan = self.plan
        if plan.joint is not None:
            return plan.joint(g, *_C.unpack(saved[0], self))
        return [rule(g, *_C.unpack(values, self)) for rule, values in zip(plan.rules, saved, strict=True)]

    def release(self):
        """Free what was saved; the graph can then not be walked again."""
        self.saved = None

    def __repr__(self):
        return f"<{self.name()} object at {id(self):#x}>"


class Plan:
    """How to record and differentiate one op for one choice of inputs that need a gradient."""

    __slots__ = ("broadcasts", "joint", "name", "rules", "wants")

    def __init__(self, op, mask):
        self.name = op.node_name
        self.broadcasts = op.broadcasts
        parameters = op.parameters
        needed = [p for i, p in enumerate(parameters) if mask >> i & 1]
        self.joint = None
        self.rules = ()
        if op.joint_rule is not None:
            function, names = op.joint_rule
            self.joint = _choose(function, [mask >> parameters.index(p) & 1 == 1 for p in op.joint_inputs])
            wants = [names]
        else:
            for p in needed:
                if p not in op.rules:
                    raise RuntimeError(f"{op.name}(): the derivative with respect to '{p}' is not implemented")
            self.rules = tuple(op.rules[p][0] for p in needed)
            wants = [op.rules[p][1] for p in needed]
        self.wants = tuple(tuple(_position(parameters, name) for name in names) for names in wants)


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
    """The number by which _C.save knows a name in a rule's signature."""
    if name == "out":
        return -1
    if name in parameters:
        return parameters.index(name)
    if name.endswith("_shape") and name[:-6] in parameters:
        return -2 - parameters.index(name[:-6])
    raise TypeError(f"a gradient rule asks for '{name}', which is no parameter of {parameters}")


def record(op, out, args, mask):
    """Make the node of a call that just ran: `op(*args) -> out`; bit i of mask says that args[i] needs a gradient.

    Called from C, by the op itself, only in grad mode and only when an input needs a gradient.
    """
    plan = op.plans.get(mask)
    if plan is None:
        plan = op.plans[mask] = Plan(op, mask)
    if op.nondifferentiable:
        return
    node = Node()
    node.plan = plan
    node.order = next_order()
    node.edges = _C.edges(args, mask)
    node.saved = _C.save(args, out, plan.wants)
    if plan.broadcasts:
        node.fit = _C.fit(args, mask, out)
    if type(out) is tuple:
        attach(node, out)
    else:
        out._set_history(node, 0)


def attach(node, outputs):
    """Give each floating-point output of a call this node as its history."""
    node.outputs = tuple(Metadata(x) for x in outputs)
    for number, x in enumerate(outputs):
        if x.dtype.is_floating_point:
            x._set_history(node, number)


class Metadata:
    """Shape, dtype and device of a tensor that is not kept."""

    __slots__ = ("device", "dtype", "shape")

    def __init__(self, x):
        self.shape, self.dtype, self.device = x.shape, x.dtype, x.device


class AccumulateGrad(Node):
    """The end of the line: adds what arrives to a leaf's `grad`."""

    __slots__ = ("variable",)

    def __init__(self, variable):
        super().__init__()
        self.variable = variable
        self.order = next_order()
        self.edges = ()
        self.saved = ()

    def name(self):
        return "AccumulateGrad"

    def release(self):
        pass


_C.set_hook("record", record)
_C.set_hook("accumulate_node", AccumulateGrad)
