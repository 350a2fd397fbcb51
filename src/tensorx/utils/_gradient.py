"""Zeroing gradients, for modules and optimisers."""


def zero_gradient(parameter):
    """Fill a gradient with zeros in place, and cut it from the graph that may have made it."""
    gradient = parameter.grad
    if gradient is None:
        return
    if gradient.grad_fn is not None:
        parameter.grad = gradient.detach().zero_()
    else:
        gradient.requires_grad_(False)
        gradient.zero_()
