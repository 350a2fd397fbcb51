"""Rows of views, copies and joins: no arithmetic, so the only reference worth having is NumPy's own indexing."""

import builtins

import numpy as np

from cases import Case
from support import FLOATS, call, t

COPIES = "it only moves elements; the copy kernels have their own large calls in join.py"


def view(name, calls, reference, **options):
    return Case(name, calls, reference, view=True, **{"why": "a view: nothing is computed", **options})


def _tuple_of(*shape):
    return shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape


def _expand(x, *size, **_):
    size = _tuple_of(*size)
    lead = len(size) - x.ndim
    return np.broadcast_to(x, [x.shape[i - lead] if s == -1 else s for i, s in enumerate(size)])


def _flatten(x, start_dim=0, end_dim=-1):
    if x.ndim == 0:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return (
        x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])
        if x.size
        else x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])
    )


def _squeeze(x, dim=None):
    if dim is None:
        return np.squeeze(x)
    dims = (dim,) if isinstance(dim, int) else dim
    return x if x.ndim == 0 else np.squeeze(x, tuple(d for d in dims if x.shape[d] == 1))


def _narrow(x, dim, start, length):
    return np.take(x, range(start, start + length), axis=dim)


def _unfold(x, dim, size, step):
    return np.moveaxis(np.lib.stride_tricks.sliding_window_view(x, size, axis=dim), -1, -1)[
        (builtins.slice(None),) * (dim % x.ndim) + (builtins.slice(None, None, step),)
    ]


def _split(x, size, dim=0):
    if isinstance(size, int):
        size = [min(size, x.shape[dim] - i) for i in range(0, x.shape[dim], size)]
    return np.split(x, np.cumsum(size)[:-1], axis=dim)


def _chunk(x, chunks, dim=0):
    return _split(x, -(-x.shape[dim] // chunks), dim)


RESHAPES = [
    call(t(3, 4), 2, 6),
    call(t(3, 4), (2, -1)),
    call(t(0, 3), 3, 0),
    call(t(), 1, 1),
    call(t(24), 2, 3, 4),
    call(t(1), ()),
]
BAD_SHAPE = [
    (call(t(3, 4), 5), RuntimeError, "shape"),
    (call(t(3, 4), -1, -1), RuntimeError, ""),
    (call(t(3), -2), RuntimeError, ""),
]

ROWS = [
    # Layouts other than contiguous may have no view of the shape asked for, which is what test_hostile.py looks at.
    view(
        "reshape",
        RESHAPES,
        lambda x, *s: x.reshape(_tuple_of(*s)),
        function=lambda x, *s: x.reshape(*s),
        errors=BAD_SHAPE,
    ),
    view(
        "flatten",
        [call(t(2, 3, 4)), call(t(2, 3, 4), 1), call(t(2, 3, 4), 0, 1), call(t()), call(t(2, 0, 3))],
        _flatten,
        errors=[(call(t(2, 3), 1, 0), RuntimeError, "flatten"), (call(t(2), 3), IndexError, "")],
    ),
    view("ravel", [call(t(2, 3)), call(t()), call(t(0, 2))], np.ravel),
    view(
        "unflatten",
        [call(t(2, 6), 1, (2, 3)), call(t(6), 0, (-1, 2))],
        lambda x, dim, sizes: x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :]),
        errors=[
            (call(t(6), 0, (4, 2)), RuntimeError, "invalid for input of size 6"),
            (call(t(6), 1, (6,)), IndexError, ""),
        ],
    ),
    view(
        "permute",
        [call(t(2, 3, 4), 2, 0, 1), call(t(2, 3, 4), (-1, 1, 0)), call(t(), ()), call(t(0, 2), 1, 0)],
        lambda x, *d: np.transpose(x, _tuple_of(*d)),
        function=lambda x, *d: x.permute(*d),
        errors=[
            (call(t(2, 3), 0), RuntimeError, ""),
            (call(t(2, 3), 0, 0), RuntimeError, ""),
            (call(t(2, 3), 0, 2), IndexError, ""),
        ],
    ),
    view(
        "transpose",
        [call(t(2, 3, 4), 0, 2), call(t(2, 3), -1, 0), call(t(), 0, -1), call(t(0, 2), 0, 1)],
        lambda x, a, b: x if x.ndim == 0 else np.swapaxes(x, a, b),
        errors=[(call(t(2, 3), 0, 2), IndexError, "")],
    ),
    view(
        "t", [call(t(2, 3)), call(t(3)), call(t())], np.transpose, errors=[(call(t(2, 3, 4)), RuntimeError, "t\\(\\)")]
    ),
    view("adjoint", [call(t(2, 3)), call(t(2, 3, 4))], lambda x: np.swapaxes(x, -1, -2)),
    view(
        "movedim",
        [call(t(2, 3, 4), 0, 2), call(t(2, 3, 4), (0, 1), (-1, 0))],
        np.moveaxis,
        errors=[(call(t(2, 3), (0, 0), (0, 1)), RuntimeError, ""), (call(t(2, 3), 2, 0), IndexError, "")],
    ),
    view(
        "squeeze",
        [call(t(1, 3, 1)), call(t(1, 3, 1), 0), call(t(1, 3, 1), (0, 2)), call(t(2, 1), 0), call(t())],
        _squeeze,
        errors=[(call(t(2), 1), IndexError, "")],
    ),
    view(
        "unsqueeze",
        [call(t(2, 3), 0), call(t(2, 3), -1), call(t(), 0), call(t(0), 1)],
        np.expand_dims,
        errors=[(call(t(2), 2), IndexError, "")],
    ),
    view(
        "expand",
        [call(t(3, 1), 3, 4), call(t(3, 1), (2, -1, 5)), call(t(), 2, 2), call(t(1), 0)],
        _expand,
        function=lambda x, *s: x.expand(*s),
        errors=[
            (call(t(3), 4), RuntimeError, "expand"),
            (call(t(2, 3), 3), RuntimeError, ""),
            (call(t(3), -2), RuntimeError, ""),
        ],
    ),
    view(
        "broadcast_to",
        [call(t(3, 1), (3, 4)), call(t(), (2,))],
        np.broadcast_to,
        errors=[(call(t(3), (4,)), RuntimeError, "must match the existing size")],
    ),
    view(
        "narrow",
        [call(t(5, 3), 0, 1, 3), call(t(5, 3), -1, 1, 0)],
        _narrow,
        errors=[
            (call(t(5), 0, 3, 3), RuntimeError, ""),
            (call(t(5), 0, 0, -1), RuntimeError, ""),
            (call(t(5), 1, 0, 1), IndexError, ""),
        ],
    ),
    view(
        "select",
        [call(t(5, 3), 0, 2), call(t(5, 3), -1, -1)],
        lambda x, d, i: np.take(x, i, axis=d),
        errors=[
            (call(t(5), 0, 5), IndexError, ""),
            (call(t(5), 0, -6), IndexError, ""),
            (call(t(), 0, 0), IndexError, ""),
        ],
    ),
    view(
        "diagonal",
        [call(t(3, 4)), call(t(4, 3), 1), call(t(2, 3, 4), -1, 2, 0), call(t(3, 3), 5)],
        lambda x, o=0, a=0, b=1: np.diagonal(x, o, a, b),
        errors=[(call(t(3)), IndexError, ""), (call(t(3, 3), 0, 0, 0), RuntimeError, "")],
    ),
    view(
        "unfold",
        [call(t(7), 0, 3, 2), call(t(3, 5), -1, 2, 1)],
        _unfold,
        function=lambda x, *a: x.unfold(*a),
        errors=[
            (call(t(3), 0, 4, 1), RuntimeError, ""),
            (call(t(3), 0, 1, 0), RuntimeError, ""),
            (call(t(3), 1, 1, 1), IndexError, ""),
        ],
    ),
    view(
        "split",
        [call(t(7, 2), 3), call(t(3, 5), [2, 3], 1), call(t(4), 2)],
        _split,
        errors=[
            (call(t(5), [2, 2]), RuntimeError, ""),
            (call(t(5), -1), RuntimeError, "split"),
            (call(t(5), 2, 1), IndexError, "out of range"),
        ],
    ),
    view("split_with_sizes", [call(t(3, 5), [2, 3], 1)], _split),
    view("chunk", [call(t(7, 2), 3), call(t(3, 5), 2, 1)], _chunk, errors=[(call(t(5), 0), RuntimeError, "chunk")]),
    view(
        "unbind",
        [call(t(3, 2)), call(t(3, 2), 1), call(t(0, 2))],
        lambda x, d=0: list(np.moveaxis(x, d, 0)),
        errors=[(call(t()), (RuntimeError, IndexError), "")],
    ),
    Case("clone", [call(t(3, 4)), call(t()), call(t(0, 2))], lambda x: x, large=call(t(400, 433))),
    Case(
        "contiguous",
        [call(t(3, 4)), call(t()), call(t(0, 2))],
        lambda x: x,
        function=lambda x: x.contiguous(),
        large=call(t(400, 433)),
    ),
    Case(
        "sum_to_size",
        lenient=True,
        calls=[call(t(2, 3, 4), (3, 1)), call(t(2, 3), (2, 3))],
        reference=lambda x, s: x if x.shape == s else x.sum((0, 2), keepdims=True)[0],
        dtypes=FLOATS,
        function=lambda x, s: x.sum_to_size(s),
        large=call(t(70, 50, 33), (50, 1)),
        errors=[(call(t(3), (2,)), RuntimeError, "not expandable")],
    ),
    Case(
        "view_as",
        [call(t(3, 4), t(2, 6))],
        lambda x, y: x.reshape(y.shape),
        function=lambda x, y: x.contiguous().view_as(y),
        view=True,
    ),
    Case(
        "reshape_as",
        [call(t(3, 4), t(2, 6))],
        lambda x, y: x.reshape(y.shape),
        function=lambda x, y: x.reshape_as(y),
        view=True,
    ),
    Case(
        "expand_as",
        [call(t(3, 1), t(3, 4))],
        lambda x, y: np.broadcast_to(x, y.shape),
        function=lambda x, y: x.expand_as(y),
        view=True,
    ),
    Case(
        "as_strided",
        [call(t(12), (3, 2), (2, 1)), call(t(12), (2, 3), (0, 2), 1)],
        None,
        function=lambda x, *a: x.clone().view(-1).as_strided(*a),
        view=True,
        second=False,
        why="finite differences of overlapping windows are checked in test_autograd.py",
    ),
]
