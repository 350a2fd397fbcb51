"""What a call of an op becomes within an autocast region, and the cache of cast weights.

C hands over every call of a thread that is in a region (csrc/python/autocast.cpp), until an op is known to have no policy.
"""

import threading
from weakref import ref

from .. import _C
from .._C import bfloat16, float16, float32
from .policies import FLOAT32, FLOAT32_RESULT, LOWER, POLICIES, REFUSED, WIDEST, name_of

DEVICE_TYPES = ("cpu", "cuda")
CASTABLE = frozenset((float32, float16, bfloat16))


class Region(threading.local):
    """What autocast does in this thread now."""

    def __init__(self):
        self.on = ()  # the types of devices whose tensors are cast
        self.dtypes = {"cpu": bfloat16, "cuda": float16}
        self.is_caching = True
        self.blocks = []  # what to go back to at the end of each autocast block
        self.depth = 0  # of blocks
        self.cache = {}

    def set_on(self, device_types):
        self.on = device_types
        _C.set_autocasting(bool(device_types))


region = Region()


def call(function, arguments, keywords):
    """Called from C for an op or composite function: its result by the policy for it, or NotImplemented if there is none.

    What runs within the function runs without autocast.
    """
    policies = _policies_of(function)
    on = region.on
    chosen = [device for device in on if device in policies]
    if not chosen or (keywords and keywords.get("out") is not None):
        return NotImplemented
    for device in chosen:
        arguments, keywords = _APPLY[policies[device]](function, arguments, keywords, device)
    others = () if len(chosen) == len(on) else tuple([device for device in on if device not in chosen])
    return without_autocast(others, function, *arguments, **keywords)


def without_autocast(but_on, function, /, *arguments, **keywords):
    """function(*arguments, **keywords), with autocast for the types of devices in `but_on` only."""
    before = region.on
    region.set_on(but_on)
    try:
        return function(*arguments, **keywords)
    finally:
        region.set_on(before)


_found: dict = {}  # op or composite function -> device type -> policy


def _policies_of(function):
    policies = _found.get(function)
    if policies is None:
        policies = POLICIES.get(name_of(function), {})
        if not policies and isinstance(function, _C.Op):
            function.ignores_autocast = True
        else:
            _found[function] = policies
    return policies


# ---- policies


def _lower(function, arguments, keywords, device):
    return _all_cast(arguments, keywords, device, region.dtypes[device])


def _to_float32(function, arguments, keywords, device):
    return _all_cast(arguments, keywords, device, float32)


def _to_widest(function, arguments, keywords, device):
    lower = region.dtypes[device]
    found = {x.dtype for x in _tensors((*arguments, *keywords.values())) if _is_castable(x, device)}
    if found - {lower, float32}:
        raise RuntimeError(
            f"{function.__name__}(): within autocast to {lower}, expected floating-point tensors of {lower} or float32, but "
            f"got {', '.join(sorted(map(str, found)))}: convert them with .float(), or autocast to their dtype"
        )
    return _all_cast(arguments, keywords, device, float32 if float32 in found else lower)


def _with_float32_result(function, arguments, keywords, device):
    names = _parameters(function)
    given = arguments[0] if arguments else keywords.get(names[0])
    if not _is_castable(given, device):
        return arguments, keywords
    position = names.index("dtype")
    if len(arguments) > position:
        if arguments[position] is None:
            arguments = (*arguments[:position], float32, *arguments[position + 1 :])
    elif keywords.get("dtype") is None:
        keywords = {**keywords, "dtype": float32}
    return arguments, keywords


def _refuse(function, arguments, keywords, device):
    raise RuntimeError(
        f"{function.__name__}() is unsafe to autocast: its logarithms overflow in float16. Leave out the sigmoid before it "
        "and use binary_cross_entropy_with_logits (BCEWithLogitsLoss), which is safe, or call it under "
        f"tensorx.autocast('{device}', enabled=False) with float32 arguments."
    )


_APPLY = {
    LOWER: _lower,
    FLOAT32: _to_float32,
    FLOAT32_RESULT: _with_float32_result,
    WIDEST: _to_widest,
    REFUSED: _refuse,
}


def _parameters(function):
    if isinstance(function, _C.Op):
        return function.parameters
    code = function.__wrapped__.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


# ---- casts


def _tensors(arguments):
    for x in arguments:
        if isinstance(x, _C.TensorBase):
            yield x
        elif isinstance(x, (tuple, list)):
            yield from _tensors(x)


def _is_castable(x, device):
    return isinstance(x, _C.TensorBase) and x.dtype in CASTABLE and x.device.type == device


def _all_cast(arguments, keywords, device, dtype):
    return (
        [cast(x, device, dtype) for x in arguments],
        {name: cast(x, device, dtype) for name, x in keywords.items()} if keywords else keywords,
    )


def cast(x, device, dtype):
    """A tensor of this type of device, or those in a list or tuple, in the dtype; anything else as it is."""
    if not isinstance(x, _C.TensorBase):
        return type(x)([cast(y, device, dtype) for y in x]) if type(x) in (tuple, list) else x
    if x.dtype is dtype or not _is_castable(x, device):
        return x
    if (
        region.is_caching
        and x.dtype is float32
        and issubclass(type(x), _C.TensorBase)  # neither sparse nor batched by vmap
        and x.requires_grad
        and x.is_leaf
        and x._base is None
        and dtype is region.dtypes[device]
    ):
        return _cached(x, dtype)
    return x.to(dtype)


def _cached(x, dtype):
    """The cast of a weight, made once per region: again only if the weight has changed since, or grad mode has."""
    key = id(x), _C.is_grad_enabled(), dtype
    weight, version, made = region.cache.get(key, (None, None, None))
    if weight is None or weight() is not x or version != x._version:
        made = x.to(dtype)
        region.cache[key] = ref(x), x._version, made
    return made


_C.set_hook("autocast", call)
