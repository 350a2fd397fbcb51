"""Rows of joining, repeating and rearranging."""

import numpy as np

from cases import Case
from support import call, index, t

PAIR = [t(3, 4), t(2, 4)]
SMALL = "the kernel beneath has its large call in another row"


def _repeat(x, *repeats):
    return np.tile(x, repeats[0] if len(repeats) == 1 and not isinstance(repeats[0], int) else repeats)


def _axis(function):
    return lambda tensors, dim=0: function(tensors, axis=dim)


def _roll(x, shifts, dims=None):
    return np.roll(x, shifts, axis=dims)


def _block_diag(*blocks):
    blocks = [np.atleast_2d(b) for b in blocks]
    whole = np.zeros([sum(b.shape[i] for b in blocks) for i in (0, 1)], blocks[0].dtype)
    row = column = 0
    for b in blocks:
        whole[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return whole


ROWS = [
    Case(
        "cat",
        [
            call(PAIR),
            call([t(3, 1), t(3, 4)], 1),
            call([t(3, 4), t(3, 4)], dim=-1),
            call([t(2, 3), t(0, 3)]),
            call([t(5)]),
        ],
        _axis(np.concatenate),
        large=call([t(300, 433), t(100, 433), t(3, 433)]),
        errors=[
            (call([]), (RuntimeError, ValueError), ""),
            (call([t(3, 4), t(3, 5)]), RuntimeError, "cat"),
            (call([t(3), t(3, 3)]), RuntimeError, ""),
            (call([t(), t()]), RuntimeError, ""),
            (call([t(3)], 1), IndexError, ""),
            (call([t(3), None]), TypeError, ""),
            (call(t(3)), TypeError, ""),
        ],
    ),
    Case(
        "stack",
        [call([t(3, 4), t(3, 4)]), call([t(3), t(3), t(3)], 1), call([t(), t()]), call([t(2, 0)], -1)],
        _axis(np.stack),
        large=call([t(300, 433), t(300, 433)], 2),
        errors=[
            (call([t(3), t(4)]), RuntimeError, "stack"),
            (call([]), (RuntimeError, ValueError), ""),
            (call([t(3)], 2), IndexError, ""),
        ],
    ),
    Case("hstack", [call([t(3), t(2)]), call([t(2, 3), t(2, 1)])], np.hstack, why=SMALL),
    Case("vstack", [call([t(3), t(3)]), call(PAIR)], np.vstack, why=SMALL),
    Case("dstack", [call([t(3), t(3)]), call([t(2, 3), t(2, 3)])], np.dstack, why=SMALL),
    Case("column_stack", [call([t(3), t(3, 2)])], np.column_stack, why=SMALL),
    Case("block_diag", [call(t(2, 3), t(1), t(2, 1))], _block_diag, why=SMALL),
    Case(
        "tensor_split",
        [call(t(7, 2), 3), call(t(3, 5), (1, 3), 1)],
        lambda x, n, dim=0: np.array_split(x, n, axis=dim),
        view=True,
        errors=[(call(t(5), 0), RuntimeError, "number of sections")],
    ),
    Case("hsplit", [call(t(4, 6), 3)], lambda x, n: np.hsplit(x, n), view=True),
    Case("vsplit", [call(t(4, 6), 2)], lambda x, n: np.vsplit(x, n), view=True),
    Case("dsplit", [call(t(2, 3, 4), 2)], lambda x, n: np.dsplit(x, n), view=True),
    Case("atleast_1d", [call(t()), call(t(3))], np.atleast_1d, view=True),
    Case("atleast_2d", [call(t()), call(t(3)), call(t(2, 3))], np.atleast_2d, view=True),
    Case("atleast_3d", [call(t()), call(t(3)), call(t(2, 3))], np.atleast_3d, view=True),
    Case(
        "repeat",
        [call(t(2, 3), 2, 2), call(t(3), (2, 2, 1)), call(t(), 3), call(t(3), 0)],
        _repeat,
        function=lambda x, *r: x.repeat(*r),
        large=call(t(100, 70), 3, 7),
        errors=[(call(t(2, 3), 2), RuntimeError, ""), (call(t(3), -1), RuntimeError, "")],
    ),
    Case("tile", [call(t(2, 3), (2,)), call(t(3), (2, 2, 1))], np.tile, large=call(t(100, 70), (3, 7))),
    Case(
        "repeat_interleave",
        [call(t(2, 3), 2), call(t(2, 3), 2, 1), call(t(3), index(3, high=4), 0)],
        lambda x, r, dim=None: np.repeat(x, r, axis=dim),
        large=call(t(300, 100), 5, 1),
    ),
    Case(
        "flip",
        [call(t(2, 3), (0,)), call(t(2, 3), (0, 1)), call(t(0, 2), (1,))],
        lambda x, d: np.flip(x, d),
        large=call(t(300, 433), (0, 1)),
        errors=[(call(t(3), (1,)), IndexError, ""), (call(t(3), (0, 0)), RuntimeError, "")],
    ),
    Case("fliplr", [call(t(2, 3))], np.fliplr, why=SMALL),
    Case("flipud", [call(t(2, 3))], np.flipud, why=SMALL),
    Case(
        "roll",
        [call(t(2, 3), 1), call(t(2, 3), (1, -1), (0, 1)), call(t(5), 7, 0)],
        _roll,
        large=call(t(300, 433), (7, -5), (0, 1)),
        errors=[(call(t(3), 1, 1), IndexError, "")],
    ),
    Case(
        "rot90",
        [call(t(2, 3)), call(t(2, 3), 2), call(t(2, 3, 4), -1, (1, 2))],
        lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims),
        why=SMALL,
    ),
    Case("broadcast_tensors", [call(t(3, 1), t(4))], np.broadcast_arrays, view=True),
    Case("meshgrid", [call(t(3), t(2), indexing="ij"), call(t(3), t(2), indexing="xy")], np.meshgrid, view=True),
    Case("cartesian_prod", [call(t(3), t(2))], None, why=SMALL),
    Case("combinations", [call(t(4)), call(t(4), 3), call(t(3), 2, True)], None, why=SMALL),
]
