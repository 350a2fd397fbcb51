"""Backward hooks of a Module, built on two gates: identity functions around its inputs and its outputs.

Gradients of the output reach the outer gate first, gradients of the input the inner gate last: the hooks
run there. A gate is an ordinary autograd Function, so higher derivatives pass it as well.
"""

import warnings

import tensorx
from tensorx.autograd import Function


class _Gate(Function):
    """Hands tensors on; in the backward pass, hands the gradients to `visit`.

    Where there is none it hands zeros (`materialize`) or None.
    """

    @staticmethod
    def forward(ctx, visit, materialize, *tensors):
        ctx.visit = visit
        ctx.set_materialize_grads(materialize)
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx, *gradients):
        return (None, None, *ctx.visit(gradients))


class BackwardGate:
    """The backward hooks of one call of one module."""

    def __init__(self, module, pre_hooks, hooks):
        self.module, self.pre_hooks, self.hooks = module, pre_hooks, hooks
        self.inputs = self.outputs = None  # where the tensors stand among the arguments; None: no gate there
        self.input_count = self.output_count = 0
        self.grad_output = None  # kept between the two gates

    def enter(self, args):
        self.input_count = len(args)
        args, self.inputs = _through_gate(self._visit_inputs, True, args)
        return args

    def leave(self, result):
        if not isinstance(result, (tensorx.Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=5,
            )
            return result
        results = result if isinstance(result, tuple) else (result,)
        self.output_count = len(results)
        results, self.outputs = _through_gate(self._visit_outputs, False, results)
        return results if isinstance(result, tuple) else results[0]

    def _visit_outputs(self, gradients):
        grad_output = _scatter(gradients, self.outputs, self.output_count)
        for hook in self.pre_hooks:
            replaced = hook(self.module, grad_output)
            if replaced is not None:
                grad_output = _as_gradients(replaced, len(grad_output), "Backward pre hook", "grad_output")
        if self.inputs is None:
            self._run_without_inputs(grad_output)
        else:
            self.grad_output = grad_output
        return [grad_output[i] for i in self.outputs]

    def _visit_inputs(self, gradients):
        if self.grad_output is None:  # the gradient came by another way than the module's output
            return gradients
        grad_input = _scatter(gradients, self.inputs, self.input_count)
        for hook in self.hooks:
            replaced = hook(self.module, grad_input, self.grad_output)
            if replaced is not None:
                grad_input = _as_gradients(replaced, len(grad_input), "Backward hook", "grad_input")
        self.grad_output = None
        return [grad_input[i] for i in self.inputs]

    def _run_without_inputs(self, grad_output):
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=2,
        )
        for hook in self.hooks:
            replaced = hook(self.module, (None,) * self.input_count, grad_output)
            if replaced is not None and not (isinstance(replaced, tuple) and all(g is None for g in replaced)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or "
                    "None for all gradients."
                )


def _through_gate(visit, materialize, values):
    """Send the tensors among `values` (a tuple) through a gate: (new values, their places).

    Without a tensor that records, nothing is done and the places are None.
    """
    places = [i for i, value in enumerate(values) if isinstance(value, tensorx.Tensor)]
    tensors = [values[i] for i in places]
    if not (tensorx.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)):
        return values, None
    gated = list(values)
    for i, tensor in zip(places, _Gate.apply(visit, materialize, *tensors)):
        gated[i] = tensor
    return (tuple(gated) if type(values) is tuple else type(values)(*gated)), places


def _scatter(values, places, count):
    full = [None] * count
    for i, value in zip(places, values):
        full[i] = value
    return tuple(full)


def _as_gradients(replaced, count, who, what):
    replaced = replaced if isinstance(replaced, tuple) else (replaced,)
    if len(replaced) != count:
        raise RuntimeError(f"{who} returned an invalid number of {what}, got {len(replaced)}, but expected {count}")
    return replaced
