"""Rows of products, distances and statistics that are made of other ops."""

import numpy as np

from cases import Case
from support import FLOATS, NUMBERS, call, t

# As in rows of matrix products: sums that cancel, whose error is relative to the terms.
SUMS = {"float16": (4e-3, 2e-2), "bfloat16": (3e-2, 1e-1), "float32": (2e-5, 2e-5)}
WHY = "sums that cancel; the kernels beneath have their large calls in other rows"


def case(name, calls, reference, dtypes=NUMBERS, **options):
    return Case(name, calls, reference, dtypes, **{"tolerance": SUMS, "why": WHY, "lenient": True, **options})


def _einsum(equation, *operands):
    return np.einsum(equation, *operands)


def _scaled(product):
    def reference(x, a, b, beta=1, alpha=1):
        return beta * x + alpha * product(a, b)

    return reference


def _cross(a, b, dim=None):
    dim = next(i for i, size in enumerate(a.shape) if size == 3) if dim is None else dim
    rolled = [np.roll(x, -shift, dim) for x in (a, b) for shift in (1, 2)]
    return rolled[0] * rolled[3] - rolled[1] * rolled[2]


def _cdist(x1, x2, p=2.0, mode=None):
    return np.linalg.norm(x1[..., :, None, :] - x2[..., None, :, :], p, -1)


def _pdist(x, p=2.0):
    i, j = np.triu_indices(x.shape[0], 1)
    return np.linalg.norm(x[i] - x[j], p, -1)


def _renorm(x, p, dim, maxnorm):
    norms = (abs(x) ** p).sum(tuple(d for d in range(x.ndim) if d != dim), keepdims=True) ** (1 / p)
    return x * np.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1)


integral = getattr(np, "trapezoid", None) or np.trapz  # its name in NumPy 1


def _trapezoid(y, x=None, dx=1, dim=-1):
    return integral(y, x, dx, dim)


def _cumulative(y, x=None, dx=1, dim=-1):
    parts = [integral(y[..., : i + 1], None if x is None else x[: i + 1], dx) for i in range(1, y.shape[-1])]
    return np.stack(parts, -1) if parts else y[..., :0]


ROWS = [
    case(
        "einsum",
        [
            call("ij,jk->ik", t(3, 4), t(4, 2)),
            call("bij,bkj->bik", t(2, 3, 4), t(2, 2, 4)),
            call("i,j,k->kij", t(2), t(3), t(2)),
            call("ij->ji", t(2, 3)),
            call("...ij,...j->...i", t(2, 3, 4), t(4)),
        ],
        _einsum,
        large=call("bij,bjk->ik", t(6, 120, 130), t(6, 130, 140)),
        errors=[(call("ij,jk", t(2, 3), t(2, 3)), RuntimeError, "broadcast")],
    ),
    case(
        "addr",
        [call(t(3, 4), t(3), t(4)), call(t(4), t(3), t(4), beta=2, alpha=3)],
        _scaled(np.outer),
        large=call(t(300, 433), t(300), t(433)),
        errors=[(call(t(3, 4), t(3, 1), t(4)), RuntimeError, "1-D")],
    ),
    case(
        "addbmm",
        [call(t(3, 2), t(2, 3, 4), t(2, 4, 2)), call(t(3, 2), t(2, 3, 4), t(2, 4, 2), beta=2, alpha=3)],
        _scaled(lambda a, b: (a @ b).sum(0, dtype=a.dtype)),
        large=call(t(60, 50), t(9, 60, 70), t(9, 70, 50)),
        errors=[(call(t(3, 2), t(2, 3, 4), t(3, 4, 2)), RuntimeError, "batches")],
    ),
    case(
        "kron",
        [call(t(2, 3), t(3, 2)), call(t(2), t(3, 2)), call(t(2, 1, 2), t(2)), call(t(), t(2))],
        np.kron,
        large=call(t(30, 40), t(20, 10)),
    ),
    case(
        "cross",
        [call(t(2, 3), t(2, 3)), call(t(3, 2), t(3, 2), 0), call(t(1, 3), t(4, 3), 1)],
        _cross,
        large=call(t(50000, 3), t(50000, 3), 1),
        errors=[(call(t(2), t(2)), RuntimeError, "size 3"), (call(t(3), t(2), 0), RuntimeError, "length 3")],
    ),
    case(
        "vander",
        [call(t(4)), call(t(3), 2), call(t(3), increasing=True), call(t(3), 0)],
        lambda x, N=None, increasing=False: np.vander(x if x.dtype.kind == "f" else x.astype("int64"), N, increasing),
        dtypes=FLOATS,
        errors=[(call(t(2, 2)), RuntimeError, "one-dimensional")],
    ),
    case(
        "cdist",
        [call(t(3, 2), t(4, 2)), call(t(2, 3, 2), t(4, 2), 1.0), call(t(3, 2), t(4, 2), 3), call(t(3, 2), t(2, 2), np.inf),
         call(t(0, 2), t(3, 2)), call(t(3, 2), t(4, 2), 2, "use_mm_for_euclid_dist")],
        _cdist,
        dtypes=FLOATS,
        lenient=False,
        tolerance={**SUMS, "float32": (1e-4, 1e-4), "float16": (1e-2, 1e-1), "bfloat16": (5e-2, 5e-1)},
        large=call(t(150, 20), t(170, 20)),
        errors=[(call(t(3, 2), t(3, 3)), RuntimeError, "columns"), (call(t(3), t(3, 3)), RuntimeError, "2D"),
                (call(t(3, 2), t(3, 2), -1), RuntimeError, "non-negative"),
                (call(t(3, 2), t(3, 2), 2, "x"), ValueError, "compute_mode")],
    ),
    case(
        "pdist",
        [call(t(4, 3)), call(t(4, 3), 1.0), call(t(3, 2, values=(0.1, 2, 1.5, -1, -0.7, 0.3)), np.inf),
         call(t(1, 2))],
        _pdist,
        dtypes=FLOATS,
        lenient=False,
        large=call(t(150, 20)),
        errors=[(call(t(3)), RuntimeError, "2D")],
    ),
    case(
        "renorm",
        [call(t(3, 4), 2, 0, 1.0), call(t(2, 3, 2), 1, 1, 5.0)],
        _renorm,
        dtypes=FLOATS,
        large=call(t(300, 400), 2, 0, 1.0),
        errors=[(call(t(3), 2, 0, 1.0), RuntimeError, "2 dimensions"), (call(t(3, 2), 2, 5, 1.0), IndexError, "range"),
                (call(t(3, 2), 0, 0, 1.0), RuntimeError, "norm")],
    ),
    case(
        "cov",
        [call(t(3, 4)), call(t(5)), call(t(3, 4), correction=0)],
        lambda x, correction=1: np.cov(x, ddof=correction),
        dtypes=FLOATS,
        large=call(t(30, 4000)),
        errors=[(call(t(2, 2, 2)), RuntimeError, "two or fewer")],
    ),
    case("corrcoef", [call(t(3, 4))], np.corrcoef, dtypes=FLOATS, large=call(t(30, 4000)),
         errors=[(call(t(2, 2, 2)), RuntimeError, "two or fewer")]),
    case(
        "trapezoid",
        [call(t(3, 4)), call(t(3, 4), t(4)), call(t(3, 4), dx=0.5, dim=0), call(t(3, 0)), call(t(3, 4), t(3, 4))],
        _trapezoid,
        dtypes=FLOATS,
        large=call(t(300, 400)),
        errors=[(call(t(3, 4), t(3)), RuntimeError, "one `x` value")],
    ),
    case(
        "cumulative_trapezoid",
        [call(t(3, 4)), call(t(3, 4), t(4)), call(t(3, 4), dx=0.5), call(t(3, 1))],
        _cumulative,
        dtypes=FLOATS,
        large=call(t(300, 400)),
    ),
]  # fmt: skip
