"""Named tuples that ops with several results return: `tx.max(x, 0)` has `.values` and `.indices`."""

from operator import itemgetter


def make(name, *fields):
    """A tuple class with named fields, as collections.namedtuple makes, at a fraction of its cost at import."""

    def new(cls, *values):
        return tuple.__new__(cls, values[0] if len(values) == 1 and len(fields) > 1 else values)

    def show(self):
        inner = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"tensorx.return_types.{name}(\n{inner})"

    namespace = {field: property(itemgetter(i), doc=f"Result {i}.") for i, field in enumerate(fields)}
    return type(
        name,
        (tuple,),
        {**namespace, "_fields": fields, "__slots__": (), "__new__": new, "__repr__": show, "__module__": __name__},
    )


max = make("max", "values", "indices")
min = make("min", "values", "indices")
cummax = make("cummax", "values", "indices")
cummin = make("cummin", "values", "indices")
aminmax = make("aminmax", "min", "max")
sort = make("sort", "values", "indices")
topk = make("topk", "values", "indices")
kthvalue = make("kthvalue", "values", "indices")
median = make("median", "values", "indices")
nanmedian = make("nanmedian", "values", "indices")

linalg_cholesky_ex = make("linalg_cholesky_ex", "L", "info")
linalg_eig = make("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = make("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = make("linalg_inv_ex", "inverse", "info")
linalg_lstsq = make("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = make("linalg_lu", "P", "L", "U")
linalg_lu_factor = make("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = make("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_qr = make("linalg_qr", "Q", "R")
linalg_slogdet = make("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = make("linalg_solve_ex", "result", "info")
linalg_svd = make("linalg_svd", "U", "S", "Vh")
lu_unpack = make("lu_unpack", "P", "L", "U")
qr = make("qr", "Q", "R")
slogdet = make("slogdet", "sign", "logabsdet")
svd = make("svd", "U", "S", "V")
triangular_solve = make("triangular_solve", "solution", "cloned_coefficient")
mode = make("mode", "values", "indices")
frexp = make("frexp", "mantissa", "exponent")
histogram = make("histogram", "hist", "bin_edges")
