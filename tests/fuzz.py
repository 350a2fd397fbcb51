"""Calls every op with junk. Run by test_hostile.py in a process of its own: a crash ends only that.

Before each call its text goes to the log file, so that after a crash the last line names the call that did it.
Exceptions are what junk should give; crashes, hangs and results that read outside a buffer are what is looked for.
"""

import faulthandler
import random
import sys
import time

import tensorx as tx
from tensorx import _C
from tensorx.ops.define import methods

faulthandler.enable()

BIG = 2**62
LIMIT = 64 << 20  # bytes: junk sizes are refused by the allocator instead of filling the machine


class Evil:
    """Numbers of every protocol, each of which may do damage while it is asked."""

    def __init__(self, target, value):
        self.target, self.value = target, value

    def _change(self):
        self.target.data = tx.zeros(1)

    def __index__(self):
        self._change()
        return self.value

    __int__ = __index__

    def __float__(self):
        self._change()
        return float(self.value)

    def __bool__(self):
        self._change()
        return True

    def __len__(self):
        self._change()
        return self.value

    def __getitem__(self, i):
        self._change()
        if i > 3:
            raise IndexError
        return self.value


class Raises:
    def __index__(self):
        raise ZeroDivisionError

    __int__ = __float__ = __bool__ = __len__ = __iter__ = __index__


def recursive():
    x = []
    x.append(x)
    return x


DTYPES = [
    getattr(tx, d)
    for d in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
]
SHAPES = [(), (1,), (3,), (0,), (2, 3), (3, 1), (0, 3), (2, 3, 4), (1, 2, 3, 4), (2, 0, 1), (5, 4)]


def a_tensor(choose):
    shape, dtype = choose.choice(SHAPES), choose.choice([*DTYPES, tx.float32, tx.float32, tx.int64])
    x = tx.full(shape, choose.choice([0, 1, 2, 100, -1]) if dtype is not tx.uint8 else 1, dtype=dtype)
    kind = choose.randrange(8)
    if kind == 0 and x.ndim > 1:
        x = x.transpose(0, -1)
    elif kind == 1 and x.ndim:
        x = x[1:]
    elif kind == 2 and x.ndim:
        x = x[..., ::2]
    elif kind == 3:
        x = x.unsqueeze(0).expand(3, *x.shape)
    elif kind == 4 and dtype.is_floating_point:
        x = x.clone().requires_grad_()
    elif kind == 5 and dtype.is_floating_point:
        x = tx.full(shape, choose.choice([float("nan"), float("inf"), -float("inf")]), dtype=dtype)
    return x


def junk(choose, tensors):
    pick = choose.randrange(26)
    if pick < 9:
        x = a_tensor(choose)
        tensors.append(x)
        return x
    if pick < 12:
        return choose.choice([0, 1, 2, -1, -2, 3, 5])
    if pick < 14:
        return choose.choice([BIG, -BIG, 2**63 - 1, -(2**63), 2**64, 2**31, -(2**31), 10**30, 2**40])
    if pick < 15:
        return choose.choice([0.5, -1.0, float("nan"), float("inf"), 1e308, -0.0])
    if pick < 18:
        return tuple(choose.choice([0, 1, 2, -1, 3, BIG, 2**32]) for _ in range(choose.randrange(5)))
    if pick < 19:
        return choose.choice([None, True, False, "mean", "sum", "x", "", "cpu", "\udce4", b"bytes", object(), 1j])
    if pick < 20:
        return [a_tensor(choose) for _ in range(choose.randrange(4))]
    if pick < 21:
        return choose.choice(
            [[], (), {}, [None], [[1, 2], [3]], recursive(), ["x"], [[], [1]], [1.5, True], range(3), set()]
        )
    if pick < 22 and tensors:
        return Evil(choose.choice(tensors), choose.choice([0, 1, 2, -1, BIG]))
    if pick < 23:
        return choose.choice([Raises(), slice(None), slice(1, BIG, 1), slice(0, 3, 0), Ellipsis, type, tx, len])
    if pick < 24:
        return choose.choice(DTYPES)
    return choose.choice([(0, 1), (1, 0), (-1,), (0,), 0, 1])


def describe(value):
    if isinstance(value, tx.Tensor):
        return f"tensor({tuple(value.shape)}, {value.dtype}, {value.stride()}, {value.requires_grad})"
    if isinstance(value, (list, tuple)) and value is not value[:1]:
        return "[" + ", ".join("..." if v is value else describe(v) for v in value) + "]"
    try:
        return repr(value)[:80]
    except Exception:
        return type(value).__name__


def callables():
    """Everything public that takes a tensor: ops, functions, methods, creation, and the C functions beneath."""
    found = {f"Tensor.{name}": getattr(tx.Tensor, name) for name in methods}
    found |= {
        f"Tensor.{name}": getattr(tx.Tensor, name)
        for name in (
            "__getitem__",
            "__setitem__",
            "__add__",
            "__rpow__",
            "__matmul__",
            "__and__",
            "__ilshift__",
            "__len__",
            "__contains__",
            "__format__",
            "tolist",
            "item",
            "numpy",
            "stride",
            "size",
            "backward",
            "data_ptr",
            "view",
            "__setstate__",
            "__deepcopy__",
        )
        if hasattr(tx.Tensor, name)
    }
    for prefix, namespace in (
        ("tx", tx),
        ("F", getattr(tx.nn, "functional", None)),
        ("linalg", getattr(tx, "linalg", None)),
        ("special", getattr(tx, "special", None)),
    ):
        if namespace is not None:
            found |= {
                f"{prefix}.{name}": f
                for name, f in vars(namespace).items()
                if callable(f) and not name.startswith("_") and not isinstance(f, type)
            }
    found |= {
        f"_C.{name}": f
        for name, f in vars(_C).items()
        if type(f) is type(_C.add) and not name.startswith("cuda_")  # which take handles
    }
    for name in (
        "_C.set_num_threads",
        "_C.set_default_dtype",
        "_C.set_memory_limit",
        "_C.set_convolution_settings",
        "_C.set_default_device",
        "tx.set_default_device",
        "_C.fail_allocation",
        "tx.set_num_threads",
        "tx.manual_seed",
        "tx.set_default_dtype",
        "tx.set_default_tensor_type",
        "tx.set_printoptions",
        "tx.install_methods",
        "tx.save",
        "tx.load",
        "tx.in_place",
        "tx.op",
        "tx.function",
        "tx.method",
        "tx.alias",
        "tx.set_default_device",
        "tx.use_deterministic_algorithms",
        "tx.seed",
    ):
        found.pop(name, None)  # they change the process, not a tensor
    for name in (
        "chunk",
        "tensor_split",
        "hsplit",
        "vsplit",
        "dsplit",
        "split",
    ):  # they make as many views as they are told
        found.pop(f"tx.{name}", None), found.pop(f"Tensor.{name}", None)
    return sorted(found.items())


def main(seed, rounds, only, log_path):
    choose = random.Random(seed)
    _C.set_memory_limit(LIMIT)
    targets = [(n, f) for n, f in callables() if only in n]
    log = open(log_path, "w")
    started, calls, results = time.monotonic(), 0, 0
    for _ in range(rounds):
        for name, function in targets:
            tensors = []
            count = choose.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])
            args = [junk(choose, tensors) for _ in range(count)]
            if name.startswith("Tensor.") and choose.random() < 0.95:
                args = [a_tensor(choose), *args]
                tensors.append(args[0])
            elif args and choose.random() < 0.7:
                args[0] = a_tensor(choose)
                tensors.append(args[0])
            kwargs = {}
            if choose.random() < 0.25:
                kwargs[
                    choose.choice(["out", "dim", "dtype", "keepdim", "other", "nonsense", "input", "size", "weight"])
                ] = junk(choose, tensors)
            log.seek(0)
            log.truncate()
            log.write(f"{name}({', '.join(map(describe, args))}, { ({k: describe(v) for k, v in kwargs.items()}) })")
            log.flush()
            calls += 1
            faulthandler.dump_traceback_later(20, exit=True)
            try:
                result = function(*args, **kwargs)
                results += 1
                for x in result if isinstance(result, (tuple, list)) else (result,):
                    if isinstance(x, tx.Tensor) and 0 < x.numel() <= 10_000:
                        x.sum() if not x.is_contiguous() else x.tolist()  # reads every element
                    if isinstance(x, tx.Tensor) and x.requires_grad and x.numel() <= 1000 and x.dtype.is_floating_point:
                        x.backward(tx.ones_like(x), retain_graph=choose.random() < 0.5)
            except (KeyboardInterrupt, SystemExit):
                raise
            except Exception as error:
                if isinstance(error, SystemError) or "internal" in str(error).lower():
                    print(f"{name}: {type(error).__name__}: {error}", flush=True)
                    print(open(log_path).read(), flush=True)
                    sys.exit(3)
            faulthandler.cancel_dump_traceback_later()
    print(f"{calls} calls of {len(targets)} functions, {results} with a result, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
