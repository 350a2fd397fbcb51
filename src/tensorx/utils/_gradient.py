"""Clearing gradients, for modules and optimisers."""


def clear_gradient(parameter, set_to_none):
    """Drop a gradient, or fill it with zeros in place, cut from the graph that may have made it."""
    gradient = parameter.grad
    if gradient is None:
        return
    if set_to_none:
        parameter.grad = None
    elif gradient.grad_fn is not None:
        parameter.grad = gradient.detach().zero_()
    else:
        gradient.requires_grad_(False)
        gradient.zero_()
