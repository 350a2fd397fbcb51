"""The matrix factorisations themselves, on NumPy arrays: LAPACK where NumPy reaches it, else written here.

NumPy is imported when a factorisation first runs. Tensors on CUDA are copied to the host and their results back: a
factorisation of one small matrix is quicker there, and one code serves all devices. What is made of matrix products
alone (`matrix_power`, `matrix_exp`, `multi_dot`) stays on its device.
"""

from math import prod

from .. import _C


class LinAlgError(RuntimeError):
    """A matrix that an operation cannot work with: singular, not positive-definite, or one on which it did not converge."""


def check(name, x, square=True):
    """Raise unless x is a matrix, or a batch of them, of float32, float64 or a complex dtype."""
    if not isinstance(x, _C.TensorBase):
        raise TypeError(f"linalg.{name}: expected a Tensor, not {type(x).__name__}")
    if x.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions, but it has {x.ndim}.")
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {x.dtype}: convert it with .float()"
        )
    if x.dtype.itemsize < 4:
        raise RuntimeError(
            f"linalg.{name}: Low precision dtypes not supported. Got {x.dtype}: convert it with .float()"
        )
    batch = prod(x.shape[:-2])
    if not x.numel() and batch > _MOST_EMPTY:
        raise RuntimeError(f"linalg.{name}: a batch of {batch} matrices without elements would take too long")


_MOST_EMPTY = 1 << 20  # LAPACK is called for each matrix of a batch, also where it has nothing to do


def check_same(name, a, b):
    """Raise unless two tensors agree in dtype and device."""
    if not isinstance(b, _C.TensorBase):
        raise TypeError(f"linalg.{name}: expected B to be a Tensor, not {type(b).__name__}")
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"linalg.{name}: Expected A and B to have the same dtype, but found A of type {a.dtype} and B of type {b.dtype} "
            "instead"
        )
    if a.device != b.device:
        raise RuntimeError(f"linalg.{name}: Expected A and B on the same device, but found {a.device} and {b.device}")


def host(x):
    """The values of a tensor as a NumPy array."""
    return x.detach().cpu().numpy()


def tensor(array, like):
    """A NumPy result as a tensor on the device of `like`."""
    import numpy

    return _C.from_array(numpy.asarray(array, order="C"), False).to(like.device)


def run(function, x):
    """function(array of x), its one or several arrays made tensors."""
    made = function(host(x))
    return tuple(tensor(a, x) for a in made) if isinstance(made, tuple) else tensor(made, x)


def batch_element(info, ndim):
    """'(Batch element 2): ' for the first element of a batch whose info is not 0; '' for a single matrix."""
    if ndim == 2:
        return ""
    return f"(Batch element {next(i for i, n in enumerate(info.reshape(-1).tolist()) if n)}): "


def first_info(info):
    """The first number of `info` that is not 0; 0 where there is none."""
    return next((n for n in info.reshape(-1).tolist() if n), 0)


def _each(function, failed, shape, *arrays):
    """function of each matrix of a batch; `failed` of those on which it raises LinAlgError. Returns (results, infos)."""
    import numpy

    batch = shape[:-2]
    rows = [numpy.broadcast_to(a, batch + a.shape[-2:]).reshape(-1, *a.shape[-2:]) for a in arrays]
    made, infos = numpy.full((rows[0].shape[0], *shape[-2:]), numpy.nan, arrays[0].dtype), []
    for i, matrices in enumerate(zip(*rows, strict=True)):
        try:
            made[i] = function(*matrices)
            infos.append(0)
        except numpy.linalg.LinAlgError:
            infos.append(failed(matrices[0]))
    return made.reshape(shape), numpy.array(infos, numpy.int32).reshape(batch)


def _zero_pivot(a):
    """The first pivot of a singular matrix that is 0, counted from 1."""
    import numpy

    pivots = abs(numpy.diagonal(lu_factor(a)[0]))
    zero = numpy.flatnonzero(pivots == 0)
    return 1 + int(zero[0] if zero.size else pivots.argmin())


def _tolerant(function, shape, failed, *arrays):
    """function of a whole batch, or, where a matrix of it fails, of one after the other: (result, info)."""
    import numpy

    try:
        return function(*arrays), numpy.zeros(shape[:-2], numpy.int32)
    except numpy.linalg.LinAlgError:
        return _each(function, failed, shape, *arrays)


def inverse(a):
    """(inverse, info): info is 0, or the pivot that is 0 in a singular matrix."""
    import numpy

    return _tolerant(numpy.linalg.inv, a.shape, _zero_pivot, a)


def solve(a, b):
    """(x with a x = b, info), for matrices b."""
    import numpy

    shape = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]
    b = b.reshape((1,) * (a.ndim - b.ndim) + b.shape)  # NumPy 1 takes b with one dimension less for vectors
    return _tolerant(numpy.linalg.solve, shape, _zero_pivot, a, b)


def cholesky(a):
    """(L with L L^H = a, info): info is 0, or the order of the leading minor that is not positive-definite."""
    import numpy

    return _tolerant(numpy.linalg.cholesky, a.shape, _bad_minor, a)


def _bad_minor(a):
    import numpy

    good, bad = 0, a.shape[-1]  # a minor is positive-definite only when all smaller ones are
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            numpy.linalg.cholesky(a[:middle, :middle])
            good = middle
        except numpy.linalg.LinAlgError:
            bad = middle
    return bad


_BLOCK = 48


def lu_factor(a, pivot=True):
    """(LU, pivots, info) of a = P L U with partial pivoting, as LAPACK's getrf gives them; pivots count from 1.

    Blocked and right-looking (Golub and Van Loan, Matrix Computations, 3.2.11): panels of a few columns are eliminated
    row by row, and one matrix product updates the rest.
    """
    import numpy

    lu = numpy.array(a, order="C")
    rows, columns = lu.shape[-2:]
    flat = lu.reshape(prod(lu.shape[:-2]), rows, columns)
    batch, least = numpy.arange(flat.shape[0]), min(rows, columns)
    pivots = numpy.tile(numpy.arange(1, least + 1, dtype=numpy.int32), (flat.shape[0], 1))
    with numpy.errstate(all="ignore"):
        for start in range(0, least, _BLOCK):
            stop = min(start + _BLOCK, least)
            for k in range(start, stop):
                if pivot:
                    chosen = k + abs(flat[:, k:, k]).argmax(1)
                    pivots[:, k] = chosen + 1
                    held = flat[batch, chosen]
                    flat[batch, chosen] = flat[:, k]
                    flat[:, k] = held
                head = flat[:, k : k + 1, k]
                flat[:, k + 1 :, k] /= numpy.where(head == 0, 1, head)  # a column of zeros stays one
                flat[:, k + 1 :, k + 1 : stop] -= flat[:, k + 1 :, k : k + 1] * flat[:, k : k + 1, k + 1 : stop]
            for k in range(start + 1, stop):  # the block row of U
                flat[:, k : k + 1, stop:] -= flat[:, k : k + 1, start:k] @ flat[:, start:k, stop:]
            flat[:, stop:, stop:] -= flat[:, stop:, start:stop] @ flat[:, start:stop, stop:]
    zero = numpy.diagonal(flat, 0, 1, 2) == 0
    info = numpy.where(zero.any(1), zero.argmax(1) + 1, 0) if least else numpy.zeros(flat.shape[0])
    batch_shape = lu.shape[:-2]
    return lu, pivots.reshape(*batch_shape, least), info.astype(numpy.int32).reshape(batch_shape)


def permutation(pivots, rows):
    """The order of the rows after the swaps that `pivots` tells, one after the other."""
    import numpy

    flat = pivots.reshape(prod(pivots.shape[:-1]), pivots.shape[-1])
    order = numpy.tile(numpy.arange(rows), (flat.shape[0], 1))
    batch = numpy.arange(flat.shape[0])
    for k in range(flat.shape[1]):
        other = flat[:, k] - 1
        held = order[batch, other]
        order[batch, other] = order[:, k]
        order[:, k] = held
    return order.reshape(*pivots.shape[:-1], rows)


def solve_triangular(a, b, upper, unitriangular):
    """x with a x = b by substitution: row by row within a block of rows, by one matrix product across blocks."""
    import numpy

    if upper:  # the same matrix with its rows and columns in reverse is lower triangular
        return solve_triangular(a[..., ::-1, ::-1], b[..., ::-1, :], False, unitriangular)[..., ::-1, :]
    shape = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]
    x = numpy.array(numpy.broadcast_to(b, shape), order="C")
    n = a.shape[-1]
    with numpy.errstate(all="ignore"):  # a zero on the diagonal gives infinities, as LAPACK's trtrs
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            if start:
                x[..., start:stop, :] -= a[..., start:stop, :start] @ x[..., :start, :]
            for k in range(start, stop):
                if k > start:
                    x[..., k : k + 1, :] -= a[..., k : k + 1, start:k] @ x[..., start:k, :]
                if not unitriangular:
                    x[..., k : k + 1, :] /= a[..., k : k + 1, k : k + 1]
    return x


def converged(name, function, array):
    """function(array); LinAlgError, with the number of the batch element, where LAPACK's iteration did not converge."""
    import numpy

    try:
        return function(array)
    except numpy.linalg.LinAlgError:
        matrices = array.reshape(-1, *array.shape[-2:])
        for i, matrix in enumerate(matrices):
            finite = numpy.isfinite(matrix).all()
            try:
                if finite:
                    function(matrix)
                    continue
            except numpy.linalg.LinAlgError:
                pass
            where = f"(Batch element {i}): " if array.ndim > 2 else ""
            why = (
                "the input matrix is ill-conditioned or has too many repeated values"
                if finite
                else "the input matrix contained non-finite values"
            )
            raise LinAlgError(f"linalg.{name}: {where}The algorithm failed to converge because {why}.") from None
        raise
