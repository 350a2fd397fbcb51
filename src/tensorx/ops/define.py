"""Defining ops: a Python signature and docstring, a forward, and gradient rules.

A rule is a function of `g`, the gradient of the output, and of what it needs, by name: a parameter of the op, `out`
(the result), `<parameter>_shape`, `<parameter>_dtype` or `<parameter>_geometry` (shape, strides, offset). Only what the
rules in use name is kept for backward. Rules are made of ops, so they can be differentiated again. A broadcast input
needs no care: the engine sums its gradient.
"""

from __future__ import annotations

from functools import update_wrapper

from .. import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

methods: dict[str, object] = {}  # what tensor.py puts on Tensor: name -> function

_VARIADIC = 0x04  # inspect.CO_VARARGS; importing inspect costs more than all of tensorx


def op(
    forward=None,
    *,
    name=None,
    broadcasts=False,
    view=False,
    method=True,
    joint=None,
    inputs=(),
    nondifferentiable=False,
    outputs=None,
    node_name=None,
    **rules,
):
    """Turn a function's signature into an op.

    Args:
        forward: a C forward (`_C.tanh`) taking exactly the parameters of the decorated function, whose body is then
            only its docstring. Without it the decorated function is the forward, computing with `_C` alone.
        broadcasts: an elementwise op: gradients are summed back to their input's shape and cast to its dtype.
        view: the result shares memory with the first parameter.
        method: also a method of Tensor, when the first parameter is `input`.
        joint, inputs: one rule for several inputs: joint(needs, g, ...) returns a gradient or None for each of the
            parameters named in `inputs`; needs says which are wanted.
        nondifferentiable: results never require a gradient.
        outputs: of several results, how many (from the first) may require a gradient. Default: all floating ones.
        rules: by parameter, its gradient rule.

    Returns a decorator.
    """

    def decorate(function):
        code = function.__code__
        positional = code.co_argcount
        parameters = list(code.co_varnames[:positional])
        defaults = list(function.__defaults__ or ())
        variadic = -1
        keyword = code.co_varnames[positional : positional + code.co_kwonlyargcount]
        if code.co_flags & _VARIADIC:
            variadic = positional
            parameters.append(code.co_varnames[positional + code.co_kwonlyargcount])
            if keyword or defaults:
                defaults.append(())
        parameters += keyword
        if "out" in parameters:
            raise TypeError(
                f"{function.__name__}: no parameter of an op is called 'out': in gradient rules that is the result"
            )
        parameters = [p.rstrip("_") for p in parameters]  # from_: a keyword of Python
        defaults += [function.__kwdefaults__[k] for k in keyword]
        op_name = name or function.__name__
        split = joint and _rule(joint, 2)
        ruled = {p: _rule(rule, 1) for p, rule in rules.items()}
        differentiable = sum(1 << parameters.index(p) for p in (inputs if joint else rules))
        run = forward or _by_position(function, positional, keyword)
        made = _C.Op(
            op_name,
            run,
            tuple(parameters),
            tuple(defaults),
            differentiable,
            positional,
            variadic,
            False,
            view,
        )
        _describe(made, function, op_name)
        made.rules, made.joint_rule, made.joint_inputs = ruled, split, tuple(inputs)
        made.broadcasts, made.nondifferentiable, made.outputs = broadcasts, nondifferentiable, outputs
        made.node_name = node_name or "".join(part.capitalize() for part in op_name.strip("_").split("_")) + "Backward0"
        made._signature = (
            run,
            tuple(parameters),
            tuple(defaults),
            differentiable,
            positional,
            variadic,
        )
        if method and parameters and parameters[0] == "input":
            methods[op_name] = made
        return made

    return decorate


def in_place(made, name=None, method=True, forward=None, **rules):
    """The in-place form of an op: writes into its first argument, with the same rules."""
    name = name or made.name + "_"
    own, parameters, defaults, differentiable, positional, variadic = made._signature
    if rules:
        differentiable |= sum(1 << parameters.index(p) for p in rules)
    changed = _C.Op(name, forward or own, parameters, defaults, differentiable | 1, positional, variadic, True, False)
    _describe(changed, made.__wrapped__, name)
    changed._doc = f"In-place form of `{made.name}`: the result is written into `{parameters[0]}`, which is returned."
    changed.rules = {**made.rules, **{p: _rule(rule, 1) for p, rule in rules.items()}}
    changed.joint_rule, changed.joint_inputs = made.joint_rule, made.joint_inputs
    changed.broadcasts, changed.nondifferentiable, changed.outputs = (
        made.broadcasts,
        made.nondifferentiable,
        made.outputs,
    )
    changed.node_name = made.node_name
    changed.functional = made
    if method:
        methods[name] = changed
    return changed


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(python_function):
    """Let a function that is no op take NumPy's names of parameters too, as every op does."""

    def call(*args, **keywords):
        for theirs, ours in _NUMPY_NAMES.items():
            if theirs in keywords and ours not in keywords:
                keywords[ours] = keywords.pop(theirs)
        return python_function(*args, **keywords)

    call.__wrapped__, call.__doc__ = python_function, python_function.__doc__
    call.__name__ = call.__qualname__ = python_function.__name__
    call.__module__ = python_function.__module__
    return call


def composite(python_function: F) -> F:
    """A function made of ops that autocast treats as one: it is in the lists of amp/policies.py."""
    return update_wrapper(_C.Composite(python_function), python_function)  # type: ignore[return-value]


def function(python_function):
    """A function of tensors made of ops, that is also a method of Tensor."""
    methods[python_function.__name__] = python_function
    return python_function


def method(python_function):
    """A method of Tensor that is no function of its own."""
    methods[python_function.__name__] = python_function
    return python_function


def alias(name, original):
    """Another name for a function and method."""
    methods[name] = original
    return original


def _by_position(function, positional, keyword):
    """`function` taking its keyword-only parameters by position too, as C passes them."""
    if not keyword:
        return function
    return lambda *args: function(*args[:positional], **dict(zip(keyword, args[positional:])))


def _rule(rule, leading):
    """(rule, names of what it needs beyond its first `leading` parameters)."""
    code = rule.__code__
    return rule, code.co_varnames[leading : code.co_argcount]


def _describe(made, function, name):
    made.__wrapped__ = function
    made.__name__ = made.__qualname__ = name
    made.__module__ = function.__module__
    made._doc = function.__doc__


def _signature(made):
    """What inspect.signature and help show: the function's own parameters, and `out` where a call takes it."""
    from inspect import Parameter, signature

    own = signature(made.__wrapped__)
    parameters = list(own.parameters.values())
    for i, parameter in enumerate(parameters):
        if parameter.name.endswith("_"):  # from_: its keyword is one of Python
            parameters[: i + 1] = [p.replace(kind=Parameter.POSITIONAL_ONLY) for p in parameters[: i + 1]]
    if not (made.in_place or made.view):
        parameters.append(Parameter("out", Parameter.KEYWORD_ONLY, default=None))
    return own.replace(parameters=parameters)


_C.Op.__signature__ = property(_signature)
