"""Rows of matrix products."""

import numpy as np

from cases import Case
from support import NUMBERS, call, t

# The half types accumulate in float32 and round once; what is compared is a sum that may cancel, so the error is
# relative to the terms, not to the result.
SUMS = {"float16": (4e-3, 1e-2), "bfloat16": (3e-2, 8e-2), "float32": (1e-5, 1e-5)}
WHY = "sums that cancel: the error is relative to the terms"


def product(name, calls, reference, **options):
    return Case(
        name,
        calls,
        reference,
        NUMBERS,
        tolerance=SUMS,
        why=WHY,
        shown="m[mv]|dot|matmul|linear",
        **{"lenient": name in ("outer",), **options},
    )


def shapes(*pairs):
    return [call(*[t(*s) for s in pair]) for pair in pairs]


def _scaled(product):
    def reference(x, a, b, beta=1, alpha=1):
        return beta * x + alpha * product(a, b)

    return reference


BAD = [(call(t(3, 4), t(3, 4)), RuntimeError, "")]
OUTER = [(call(t(3, 4), t(3, 4)), RuntimeError, "Expected 1-D arguments")]

ROWS = [
    product(
        "mm",
        shapes(((3, 4), (4, 5)), ((1, 7), (7, 1)), ((0, 4), (4, 2)), ((3, 0), (0, 2)), ((17, 33), (33, 9))),
        np.matmul,
        large=call(t(150, 170), t(170, 190)),
        errors=[*BAD, (call(t(3), t(3, 2)), RuntimeError, "")],
    ),
    product(
        "bmm",
        shapes(((2, 3, 4), (2, 4, 5)), ((0, 3, 4), (0, 4, 5)), ((2, 3, 0), (2, 0, 1))),
        np.matmul,
        large=call(t(9, 60, 70), t(9, 70, 50)),
        errors=[*BAD, (call(t(2, 3, 4), t(3, 4, 5)), RuntimeError, "")],
    ),
    product(
        "mv",
        shapes(((3, 4), (4,)), ((0, 4), (4,)), ((3, 0), (0,))),
        np.matmul,
        large=call(t(700, 300), t(300)),
        errors=BAD,
    ),
    product(
        "dot",
        shapes(((4,), (4,)), ((0,), (0,)), ((37,), (37,))),
        np.dot,
        large=call(t(200000), t(200000)),
        errors=[(call(t(3), t(4)), RuntimeError, "dot"), *BAD],
    ),
    product(
        "matmul",
        shapes(
            ((3, 4), (4, 5)),
            ((4,), (4,)),
            ((3, 4), (4,)),
            ((4,), (4, 5)),
            ((2, 3, 4), (4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (2, 4, 3)),
            ((2, 3, 4), (4,)),
            ((2, 0, 3), (3, 2)),
        ),
        np.matmul,
        large=call(t(3, 90, 120), t(120, 110)),
        errors=[*BAD, (call(t(), t(3)), RuntimeError, "")],
    ),
    product(
        "addmm",
        [
            call(t(3, 5), t(3, 4), t(4, 5)),
            call(t(5), t(3, 4), t(4, 5), beta=2, alpha=3),
            call(t(3, 5), t(3, 4), t(4, 5), beta=0),
        ],
        _scaled(np.matmul),
        large=call(t(190), t(150, 170), t(170, 190)),
        errors=[(call(t(4), t(3, 4), t(4, 5)), RuntimeError, "expanded size")],
    ),
    product(
        "baddbmm",
        [call(t(2, 3, 5), t(2, 3, 4), t(2, 4, 5)), call(t(5), t(2, 3, 4), t(2, 4, 5), beta=2, alpha=3)],
        _scaled(np.matmul),
        large=call(t(50), t(9, 60, 70), t(9, 70, 50)),
    ),
    product(
        "addmv",
        [call(t(3), t(3, 4), t(4)), call(t(3), t(3, 4), t(4), beta=2, alpha=3)],
        _scaled(np.matmul),
        large=call(t(700), t(700, 300), t(300)),
    ),
    product("outer", shapes(((3,), (4,)), ((0,), (4,))), np.outer, large=call(t(300), t(433)), errors=OUTER),
    product(
        "inner", shapes(((4,), (4,)), ((2, 4), (3, 4)), ((), (3,))), np.inner, large=call(t(170, 150), t(190, 150))
    ),
    product("vdot", shapes(((4,), (4,))), np.vdot, large=call(t(200000), t(200000))),
    product(
        "tensordot",
        [call(t(2, 3, 4), t(3, 4, 5), 2), call(t(3, 4), t(5, 4), ([1], [1]))],
        lambda a, b, dims: np.tensordot(a, b, dims),
        large=call(t(20, 30, 40), t(30, 40, 50), 2),
        errors=[(call(t(2, 3), t(4, 5), 1), RuntimeError, "contracted dimensions")],
    ),
    product(
        "chain_matmul",
        shapes(((2, 3), (3, 4), (4, 2))),
        lambda *m: np.linalg.multi_dot(m) if m[0].dtype.kind == "f" else m[0] @ m[1] @ m[2],
        large=call(t(150, 170), t(170, 190), t(190, 60)),
    ),
    product(
        "nn.functional.linear",
        [*shapes(((3, 4), (5, 4), (5,)), ((4,), (5, 4), (5,)), ((2, 3, 4), (5, 4))), call(t(0, 4), t(5, 4))],
        lambda x, w, b=0: (x @ w.T + b).astype(x.dtype),
        large=call(t(150, 170), t(190, 170), t(190)),
        errors=BAD[:0] + [(call(t(3, 4), t(5, 3)), RuntimeError, "")],
    ),
]
