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
        name, (tuple,), {**namespace, "__slots__": (), "__new__": new, "__repr__": show, "__module__": __name__}
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
mode = make("mode", "values", "indices")
frexp = make("frexp", "mantissa", "exponent")
histogram = make("histogram", "hist", "bin_edges")
