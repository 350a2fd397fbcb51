"""Fusing layers that follow each other into one, before quantization."""

from __future__ import annotations

from copy import deepcopy

from ... import nn
from ..nn import intrinsic

__all__ = [
    "fuse_conv_bn", "fuse_conv_bn_relu", "fuse_known_modules", "fuse_linear_bn", "fuse_modules", "fuse_modules_qat",
]  # fmt: skip


def _folded(layer, norm):
    """A copy of a convolution or Linear that does the batch norm's work, by its running statistics, too."""
    made = deepcopy(layer)
    weight = 1 if norm.weight is None else norm.weight.detach()
    bias = 0 if norm.bias is None else norm.bias.detach()
    factor = weight * (norm.running_var + norm.eps).rsqrt()
    before = 0 if layer.bias is None else layer.bias.detach()
    made.weight = nn.Parameter(layer.weight.detach() * factor.reshape(-1, *[1] * (layer.weight.ndim - 1)))
    made.bias = nn.Parameter(bias + (before - norm.running_mean) * factor)
    return made


def fuse_conv_bn(is_qat, conv, bn):
    """One module for a convolution and the batch norm after it, both in the same mode.

    In evaluation (`is_qat=False`) that is a convolution, in training ConvBn1d or ConvBn2d.
    """
    if is_qat:
        kinds = {nn.Conv1d: intrinsic.ConvBn1d, nn.Conv2d: intrinsic.ConvBn2d}
        return kinds[type(conv)](conv, _checked(conv, bn))
    return _folded(conv, _checked(conv, bn))


def fuse_conv_bn_relu(is_qat, conv, bn, relu):
    """One module for a convolution, a batch norm and a ReLU; see `fuse_conv_bn`."""
    if is_qat:
        kinds = {nn.Conv1d: intrinsic.ConvBnReLU1d, nn.Conv2d: intrinsic.ConvBnReLU2d}
        return kinds[type(conv)](conv, _checked(conv, bn), relu)
    kinds = {nn.Conv1d: intrinsic.ConvReLU1d, nn.Conv2d: intrinsic.ConvReLU2d}
    return kinds[type(conv)](_folded(conv, _checked(conv, bn)), relu)


def fuse_linear_bn(is_qat, linear, bn):
    """A Linear that does the work of the batch norm after it, by its running statistics."""
    if is_qat:
        raise NotImplementedError("fuse_linear_bn(): for evaluation alone; call eval() first, or leave the norm apart")
    return _folded(linear, _checked(linear, bn))


def _checked(layer, norm):
    if layer.training != norm.training:
        raise AssertionError("fusing: expected a layer and its batch norm to be in the same mode, train() or eval()")
    if not norm.track_running_stats or norm.running_var is None:
        raise AssertionError("fusing: expected a batch norm with running statistics")
    if norm.training and not norm.affine:
        raise AssertionError("fusing for training: expected a batch norm with affine=True")
    if norm.num_features != layer.weight.shape[0]:
        raise AssertionError(
            f"fusing: a batch norm of {norm.num_features} features after {layer.weight.shape[0]} channels"
        )
    return norm


def _fuser(kinds, is_qat):
    """What fuses modules of these classes, or None."""
    known = {
        (nn.Conv1d, nn.BatchNorm1d): lambda *modules: fuse_conv_bn(is_qat, *modules),
        (nn.Conv2d, nn.BatchNorm2d): lambda *modules: fuse_conv_bn(is_qat, *modules),
        (nn.Conv1d, nn.BatchNorm1d, nn.ReLU): lambda *modules: fuse_conv_bn_relu(is_qat, *modules),
        (nn.Conv2d, nn.BatchNorm2d, nn.ReLU): lambda *modules: fuse_conv_bn_relu(is_qat, *modules),
        (nn.Conv1d, nn.ReLU): intrinsic.ConvReLU1d,
        (nn.Conv2d, nn.ReLU): intrinsic.ConvReLU2d,
        (nn.Linear, nn.ReLU): intrinsic.LinearReLU,
        (nn.Linear, nn.BatchNorm1d): lambda *modules: fuse_linear_bn(is_qat, *modules),
    }
    return known.get(kinds)


def fuse_known_modules(mod_list, is_qat, additional_fuser_method_mapping=None):
    """The list with the fused module in the first place and Identity in the others. NotImplementedError if unknown."""
    kinds = tuple(type(mod) for mod in mod_list)
    extra = (additional_fuser_method_mapping or {}).get(kinds)
    fuser = (lambda *modules: extra(is_qat, *modules)) if extra else _fuser(kinds, is_qat)
    if fuser is None:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise NotImplementedError(
            f"Cannot fuse modules: {names}. Known are a convolution with BatchNorm, ReLU or both, and Linear with ReLU or "
            "BatchNorm1d"
        )
    fused = fuser(*mod_list)
    # Hooks before the first module and after the last are those of the fused one.
    for hook in mod_list[0]._forward_pre_hooks.values():
        fused.register_forward_pre_hook(hook)
    for hook in mod_list[-1]._forward_hooks.values():
        fused.register_forward_hook(hook)
    rest = [nn.Identity().train(mod_list[0].training) for _ in mod_list[1:]]
    return [fused, *rest]


def _fuse(model, modules_to_fuse, is_qat, inplace, fuser_func, custom):
    model = model if inplace else deepcopy(model)
    groups = modules_to_fuse
    if all(isinstance(name, str) for name in modules_to_fuse):
        groups = [modules_to_fuse]
    extra = (custom or {}).get("additional_fuser_method_mapping")
    for names in groups:
        fused = fuser_func([model.get_submodule(name) for name in names], is_qat, extra)
        for name, module in zip(names, fused, strict=True):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, module)
    return model


def fuse_modules(model, modules_to_fuse, inplace=False, fuser_func=fuse_known_modules, fuse_custom_config_dict=None):
    """Fuse layers of a model that is in evaluation mode: their names, in a list, or several such lists.

    Known are convolution and batch norm, with or without ReLU, convolution and ReLU, Linear and ReLU or BatchNorm1d. The
    first becomes the fused module and the others Identity. Returns a copy of the model, or itself if `inplace`.

    >>> import tensorx as tx
    >>> nn, q = tx.nn, tx.ao.quantization
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
    >>> [type(module).__name__ for module in q.fuse_modules(model, ["0", "1", "2"])]
    ['ConvReLU2d', 'Identity', 'Identity']
    """
    return _fuse(model, modules_to_fuse, False, inplace, fuser_func, fuse_custom_config_dict)


def fuse_modules_qat(
    model, modules_to_fuse, inplace=False, fuser_func=fuse_known_modules, fuse_custom_config_dict=None
):
    """`fuse_modules` for a model in training mode: batch norms stay, within the fused module."""
    return _fuse(model, modules_to_fuse, True, inplace, fuser_func, fuse_custom_config_dict)
