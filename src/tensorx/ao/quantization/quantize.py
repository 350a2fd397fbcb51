"""The steps of quantization: prepare a model (observers, fake quantization), run it, convert it."""

from __future__ import annotations

import warnings
from copy import deepcopy

from ... import _C, nn
from ..nn.intrinsic import _FusedModule
from ..nn.quantized import FloatFunctional
from . import quantization_mappings as mappings
from .fake_quantize import FakeQuantizeBase
from .observer import ObserverBase
from .qconfig import default_dynamic_qconfig
from .schemes import qint8
from .stubs import DeQuantStub, QuantWrapper

__all__ = [
    "add_quant_dequant", "convert", "prepare", "prepare_qat", "propagate_qconfig_", "quantize", "quantize_dynamic",
    "quantize_qat", "swap_module",
]  # fmt: skip


def propagate_qconfig_(module, qconfig_dict=None, prepare_custom_config_dict=None) -> None:
    """Give every module a `qconfig`: its own, else that of `qconfig_dict` for its name or class, else its parent's."""
    _propagate(module, qconfig_dict or {}, None, "")


def _propagate(module, given, inherited, name):
    found = given.get(name, given.get(type(module), given.get("", inherited)))
    module.qconfig = getattr(module, "qconfig", found)
    for child_name, child in module.named_children():
        _propagate(child, given, module.qconfig, f"{name}.{child_name}" if name else child_name)


def _observe_result(module, arguments, result):
    return module.activation_post_process(result)


def _device_of(module):
    return next((x.device for x in (*module.parameters(), *module.buffers())), None)


def _add_observer(module, make):
    made = make()
    device = _device_of(module)
    module.activation_post_process = made if device is None else made.to(device)
    module.register_forward_hook(_observe_result, prepend=True)


def _add_observers(module, observed, whole, device):
    for child in module.children():
        config = getattr(child, "qconfig", None)
        if isinstance(child, nn.Dropout | FakeQuantizeBase | ObserverBase):
            continue
        if isinstance(child, FloatFunctional):
            if config is not None:
                child.activation_post_process = config.activation().to(device or _C.device("cpu"))
        elif isinstance(child, _FusedModule) or type(child) in whole:
            if config is not None:
                _add_observer(child, config.activation)
        elif config is not None and type(child) in mappings.DEFAULT_MODULE_TO_ACT_POST_PROCESS:
            _add_observer(child, mappings.DEFAULT_MODULE_TO_ACT_POST_PROCESS[type(child)])
        else:
            _add_observers(child, observed, whole, device)
    leaf = not any(True for _ in module.children()) and not isinstance(module, nn.Sequential | DeQuantStub)
    if leaf and type(module) in observed and getattr(module, "qconfig", None) is not None:
        _add_observer(module, module.qconfig.activation)


def prepare(model, inplace=False, allow_list=None, observer_non_leaf_module_list=None, prepare_custom_config_dict=None):
    """Add observers to a model whose modules have a `qconfig`; then run it on some typical inputs, and `convert` it.

    Observed are the results of layers and of QuantStub. allow_list: the classes to observe, instead of those known.
    observer_non_leaf_module_list: classes with children to observe as a whole. Returns a copy, or the model if `inplace`.
    """
    model = model if inplace else deepcopy(model)
    propagate_qconfig_(model)
    if not any(getattr(module, "qconfig", None) for module in model.modules()):
        warnings.warn(
            "prepare(): no module has a qconfig, so nothing is quantized: set model.qconfig first", stacklevel=2
        )
    observed = mappings.get_default_qconfig_propagation_list() if allow_list is None else set(allow_list)
    _add_observers(model, observed, set(observer_non_leaf_module_list or ()), _device_of(model))
    return model


def prepare_qat(model, mapping=None, inplace=False):
    """Put layers for training with fake quantization into a model in training mode; then train it, and `convert` it.

    mapping: {float class: class for training}; default: `get_default_qat_module_mappings()`.
    """
    if not model.training:
        raise AssertionError("prepare_qat only works on models in training mode: call model.train() first")
    mapping = mappings.get_default_qat_module_mappings() if mapping is None else mapping
    model = model if inplace else deepcopy(model)
    propagate_qconfig_(model)
    convert(model, mapping, inplace=True, remove_qconfig=False)
    return prepare(model, inplace=True, observer_non_leaf_module_list=set(mapping.values()))


def convert(
    module, mapping=None, inplace=False, remove_qconfig=True, is_reference=False, convert_custom_config_dict=None,
    use_precomputed_fake_quant=False,
):  # fmt: skip
    """Put quantized modules in the place of those that were prepared, by the `from_float` of each class in `mapping`.

    mapping: {class: quantized class}; default: `get_default_static_quant_module_mappings()`. Call `model.eval()` first.
    Returns a copy, or the model if `inplace`.

    >>> import tensorx as tx
    >>> q = tx.ao.quantization
    >>> model = q.QuantWrapper(tx.nn.Linear(4, 2)).eval()
    >>> model.qconfig = q.get_default_qconfig("onednn")
    >>> prepared = q.prepare(model)
    >>> _ = prepared(tx.randn(100, 4))
    >>> type(q.convert(prepared).module)
    <class 'tensorx.ao.nn.quantized.layers.Linear'>
    """
    if is_reference:
        raise NotImplementedError("convert(): is_reference=True is for PyTorch's other backends")
    mapping = mappings.get_default_static_quant_module_mappings() if mapping is None else mapping
    module = module if inplace else deepcopy(module)
    _convert_children(module, mapping)
    if remove_qconfig:
        _remove_qconfig(module)
    return module


def _convert_children(module, mapping):
    for name, child in list(module.named_children()):
        swapped = swap_module(child, mapping)
        if swapped is not child:
            setattr(module, name, swapped)
        elif not isinstance(child, _FusedModule):
            _convert_children(child, mapping)


def swap_module(mod, mapping, custom_module_class_mapping=None, use_precomputed_fake_quant=False):
    """The module that takes the place of `mod`: mapping[type(mod)].from_float(mod) if it has a qconfig, else itself."""
    if getattr(mod, "qconfig", None) is None or type(mod) not in mapping:
        return mod
    swapped = mapping[type(mod)].from_float(mod)
    device = _device_of(mod)
    if device is not None:
        swapped.to(device)
    swapped.train(mod.training)
    if not hasattr(swapped, "qconfig"):
        swapped.qconfig = mod.qconfig
    for hook in mod._forward_pre_hooks.values():
        swapped.register_forward_pre_hook(hook)
    for hook in mod._forward_hooks.values():
        if hook is not _observe_result:
            swapped.register_forward_hook(hook)
    return swapped


def _remove_qconfig(model):
    for module in model.modules():
        module.__dict__.pop("qconfig", None)
    for module in list(model.modules()):
        if isinstance(getattr(module, "activation_post_process", None), ObserverBase | FakeQuantizeBase):
            if not isinstance(module, FakeQuantizeBase | FloatFunctional):
                del module.activation_post_process
            for key, hook in list(module._forward_hooks.items()):
                if hook is _observe_result:
                    del module._forward_hooks[key]


def quantize(model, run_fn, run_args, mapping=None, inplace=False):
    """Quantize after training: `prepare`, `run_fn(model, *run_args)` to show it typical inputs, `convert`."""
    model = model if inplace else deepcopy(model)
    model.eval()
    prepare(model, inplace=True)
    run_fn(model, *run_args)
    return convert(model, mapping, inplace=True)


def quantize_qat(model, run_fn, run_args, inplace=False):
    """Quantize by training: `prepare_qat`, `run_fn(model, *run_args)` to train it, `convert`."""
    model = model if inplace else deepcopy(model)
    model.train()
    prepare_qat(model, inplace=True)
    run_fn(model, *run_args)
    model.eval()
    return convert(model, inplace=True)


def quantize_dynamic(model, qconfig_spec=None, dtype=qint8, mapping=None, inplace=False):
    """Quantize the weights of Linear layers now, and their inputs whenever they are called.

    qconfig_spec: {name or class: qconfig}, or a set of them that all get the default one; default: every Linear.
    dtype: of the weights, `qint8`. Returns a copy in evaluation mode, or the model if `inplace`.

    >>> import tensorx as tx
    >>> model = tx.nn.Sequential(tx.nn.Linear(8, 8), tx.nn.ReLU(), tx.nn.Linear(8, 2))
    >>> tx.ao.quantization.quantize_dynamic(model, {"0"})[0]
    Linear(in_features=8, out_features=8, dtype=tensorx.qint8)
    """
    if dtype not in (qint8, _C.int8):
        raise ValueError(f"quantize_dynamic(): expected dtype=tensorx.qint8, got {dtype}")
    if qconfig_spec is None:
        qconfig_spec = {nn.Linear}
    if not isinstance(qconfig_spec, dict):
        qconfig_spec = dict.fromkeys(qconfig_spec, default_dynamic_qconfig)
    model = model if inplace else deepcopy(model)
    model.eval()
    propagate_qconfig_(model, qconfig_spec)
    mapping = mappings.get_default_dynamic_quant_module_mappings() if mapping is None else mapping
    return convert(model, mapping, inplace=True)


def add_quant_dequant(module):
    """The module with every layer that has a `qconfig` of its own wrapped in a QuantWrapper."""
    if not any(True for _ in module.children()) and getattr(module, "qconfig", None):
        return QuantWrapper(module)
    for name, child in list(module.named_children()):
        setattr(module, name, add_quant_dequant(child))
    return module
