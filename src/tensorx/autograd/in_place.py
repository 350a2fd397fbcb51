"""In-place operations that gradients must see.

An in-place op on a tensor gives that tensor a new history. On a view it gives the base a new history: the base's old
edge with the written region cut out, plus the op's edges into that region (CopySlices). The grad_fn of the view, and
of every other view of that base, is rebuilt from the base and the view's geometry when it is next asked for.
"""

from .. import _C
from ..ops.complex import view_as_complex, view_as_real
from .graph import Node


class Geometry:
    """Where a tensor lies in its storage, in elements of its dtype (which matters where views of other dtypes are about)."""

    __slots__ = ("dtype", "offset", "shape", "strides")

    def __init__(self, shape, strides, offset, dtype=None):
        self.shape, self.strides, self.offset, self.dtype = shape, strides, offset, dtype

    @classmethod
    def of(cls, x):
        return cls(x.shape, x.stride(), x.storage_offset(), x.dtype)

    def pairs(self):
        """The same memory of complex numbers as pairs of reals: the geometry of view_as_real."""
        strides = (*(2 * s for s in self.strides), 1)
        return Geometry((*self.shape, 2), strides, 2 * self.offset, self.dtype.to_real())

    @classmethod
    def dense(cls, shape):
        """Of a contiguous tensor of its own."""
        strides, step = [], 1
        for size in reversed(shape):
            strides.append(step)
            step *= max(size, 1)
        return cls(shape, tuple(reversed(strides)), 0)

    def within(self, whole, base):
        """This region of `whole`, which has base's shape and strides but starts its own storage."""
        if self.dtype is base.dtype:
            return whole.as_strided(self.shape, self.strides, self.offset - base.offset)
        if base.dtype.is_complex:  # a view of real or imaginary parts
            return self.within(view_as_real(whole), base.pairs())
        return view_as_complex(self.pairs().within(whole, base))

    def empty(self, like):
        """A tensor of this shape and these strides, with the dtype and device of `like`."""
        return like.new_empty_strided(self.shape, self.strides)

    def overlaps_itself(self):
        """True when two elements may share memory (an expanded or sliding-window view)."""
        reach = 0
        for stride, size in sorted(zip(self.strides, self.shape, strict=True)):
            if size == 1:
                continue
            if stride <= reach:
                return True
            reach += stride * (size - 1)
        return False


def scatter_region(g, base, view):
    """Zeros of base's geometry with `g` added where `view` lies: the gradient of taking that region."""
    if view.dtype is not base.dtype and view.dtype.is_complex:
        return scatter_region(view_as_real(g), base, view.pairs())
    if view.dtype is not base.dtype:
        return view_as_complex(scatter_region(g, base.pairs(), view))
    if not view.overlaps_itself():
        whole = base.empty(g).zero_()
        view.within(whole, base).copy_(g)
        return whole
    from ..creation import arange, zeros

    length = 1 + sum((n - 1) * s for n, s in zip(base.shape, base.strides, strict=True)) if g.numel() else 1
    positions = arange(length, device=g.device).as_strided(view.shape, view.strides, view.offset - base.offset)
    flat = zeros(length, dtype=g.dtype, device=g.device).index_add(0, positions.reshape(-1), g.reshape(-1))
    return flat.as_strided(base.shape, base.strides, 0)


class CopySlices(Node):
    """The history of a base one of whose views was written in place by the call that `inner` records."""

    __slots__ = ("base", "inner", "through", "view")

    def __init__(self, base, view, inner, through):
        self.base, self.view, self.inner, self.through = Geometry.of(base), Geometry.of(view), inner, through
        base_edge = base._edge if base.requires_grad else None
        self.edges = (base_edge, *inner.edges[1 if through else 0 :])
        self.saved = ()

    def name(self):
        return "CopySlices"

    def gradients(self, g):
        whole = self.base.empty(g).copy_(g)
        region = self.view.within(whole, self.base).clone()
        inner = self.inner.gradients(region)
        if self.edges[0] is None:
            return [None, *inner]
        # What the op passes on to the view's old value replaces the written region; the rest of the base is untouched.
        passed = inner.pop(0) if self.through else None
        written = self.view.within(whole, self.base)
        written.zero_() if passed is None else written.copy_(passed)
        return [whole, *inner]

    def release(self):
        self.inner.release()


class AsStrided(Node):
    """The rebuilt history of a view: its region of the base."""

    __slots__ = ("base", "view")

    def __init__(self, base, view):
        self.base, self.view = Geometry.of(base), Geometry.of(view)
        self.edges = (base._edge,)
        self.saved = ()

    def name(self):
        return "AsStridedBackward0"

    def gradients(self, g):
        return [scatter_region(g, self.base, self.view)]

    def release(self):
        pass


def refresh_view(view):
    """Rebuild the history of a view whose base was given a new one. Called from C."""
    base = view._base
    view._set_history(AsStrided(base, view) if base.requires_grad else None, 0)


def record_in_place(op, args, mask):
    """Run an in-place op that a gradient passes through, and record it. Called from C instead of the plain forward."""
    x, base = args[0], args[0]._base
    _check_writable(op, x, base)
    if not mask:  # only the base of a view made in no_grad mode needs a gradient: refused above
        return op.forward(args)
    plan = op.plan(mask)
    # A rule that needs the value of what is about to be overwritten gets a copy.
    wanted = {i for names in plan.wants for i in names if i >= 0}
    kept = tuple(
        a.clone() if i in wanted and isinstance(a, _C.TensorBase) and a._shares_storage(x) else a
        for i, a in enumerate(args)
    )
    node = _C.begin_node(plan, args, mask)
    op.forward(args)
    _C.finish_node(node, kept, mask, x)
    if base is None:
        x._set_history(node, 0)
        x._bump_history()
    else:
        base._set_history(CopySlices(base, x, node, bool(mask & 1)), 0)
        base._bump_history()
    return x


def _check_writable(op, x, base):
    if x.is_leaf and x.requires_grad:
        raise RuntimeError(
            f"{op.name}(): a leaf Variable that requires grad is being used in an in-place operation: wrap the change "
            "in `with tensorx.no_grad():`, or make it out of place"
        )
    if base is not None and base.requires_grad:
        if base.is_leaf:
            raise RuntimeError(
                f"{op.name}(): a view of a leaf Variable that requires grad is being used in an in-place operation: wrap "
                "the change in `with tensorx.no_grad():`, or make it out of place"
            )
        if not x.requires_grad:
            raise RuntimeError(
                f"{op.name}(): a view was created in no_grad mode and is being modified inplace with grad mode enabled: "
                "make the view, or the change, in the same mode as the other"
            )


_C.set_hook("record_in_place", record_in_place)
_C.set_hook("refresh_view", refresh_view)
