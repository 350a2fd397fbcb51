"""Which module takes the place of which."""

from ... import nn
from ..nn import intrinsic, qat, quantized
from ..nn.intrinsic import qat as fused_qat
from ..nn.intrinsic import quantized as fused_quantized
from .fake_quantize import default_fixed_qparams_range_0to1_fake_quant, default_fixed_qparams_range_neg1to1_fake_quant
from .stubs import DeQuantStub, QuantStub

__all__ = [
    "DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS", "DEFAULT_MODULE_TO_ACT_POST_PROCESS", "DEFAULT_QAT_MODULE_MAPPINGS",
    "DEFAULT_STATIC_QUANT_MODULE_MAPPINGS", "get_default_dynamic_quant_module_mappings",
    "get_default_qat_module_mappings", "get_default_qconfig_propagation_list",
    "get_default_static_quant_module_mappings",
]  # fmt: skip

DEFAULT_STATIC_QUANT_MODULE_MAPPINGS = {
    QuantStub: quantized.Quantize,
    DeQuantStub: quantized.DeQuantize,
    nn.BatchNorm2d: quantized.BatchNorm2d,
    nn.Dropout: quantized.Dropout,
    nn.Conv1d: quantized.Conv1d,
    nn.Conv2d: quantized.Conv2d,
    nn.Linear: quantized.Linear,
    nn.ReLU6: quantized.ReLU6,
    nn.Sigmoid: quantized.Sigmoid,
    quantized.FloatFunctional: quantized.QFunctional,
    intrinsic.ConvReLU1d: fused_quantized.ConvReLU1d,
    intrinsic.ConvReLU2d: fused_quantized.ConvReLU2d,
    intrinsic.LinearReLU: fused_quantized.LinearReLU,
    fused_qat.ConvBn1d: quantized.Conv1d,
    fused_qat.ConvBn2d: quantized.Conv2d,
    fused_qat.ConvBnReLU1d: fused_quantized.ConvReLU1d,
    fused_qat.ConvBnReLU2d: fused_quantized.ConvReLU2d,
    fused_qat.ConvReLU1d: fused_quantized.ConvReLU1d,
    fused_qat.ConvReLU2d: fused_quantized.ConvReLU2d,
    fused_qat.LinearReLU: fused_quantized.LinearReLU,
    qat.Linear: quantized.Linear,
    qat.Conv1d: quantized.Conv1d,
    qat.Conv2d: quantized.Conv2d,
}

DEFAULT_QAT_MODULE_MAPPINGS = {
    nn.Conv1d: qat.Conv1d,
    nn.Conv2d: qat.Conv2d,
    nn.Linear: qat.Linear,
    intrinsic.ConvBn1d: fused_qat.ConvBn1d,
    intrinsic.ConvBn2d: fused_qat.ConvBn2d,
    intrinsic.ConvBnReLU1d: fused_qat.ConvBnReLU1d,
    intrinsic.ConvBnReLU2d: fused_qat.ConvBnReLU2d,
    intrinsic.ConvReLU1d: fused_qat.ConvReLU1d,
    intrinsic.ConvReLU2d: fused_qat.ConvReLU2d,
    intrinsic.LinearReLU: fused_qat.LinearReLU,
}

DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS = {nn.Linear: quantized.dynamic.Linear}

# Modules whose results have a known range.
DEFAULT_MODULE_TO_ACT_POST_PROCESS = {
    nn.Sigmoid: default_fixed_qparams_range_0to1_fake_quant,
    nn.Softmax: default_fixed_qparams_range_0to1_fake_quant,
    nn.Tanh: default_fixed_qparams_range_neg1to1_fake_quant,
}


def get_default_static_quant_module_mappings():
    """What `convert` puts in the place of observed modules: {float class: quantized class}, a copy."""
    return dict(DEFAULT_STATIC_QUANT_MODULE_MAPPINGS)


def get_default_qat_module_mappings():
    """What `prepare_qat` puts in the place of float modules: {float class: class for training}, a copy."""
    return dict(DEFAULT_QAT_MODULE_MAPPINGS)


def get_default_dynamic_quant_module_mappings():
    """What `quantize_dynamic` puts in the place of float modules: {float class: quantized class}, a copy."""
    return dict(DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS)


def get_default_qconfig_propagation_list():
    """The classes whose results are observed: a set."""
    kinds = (
        DEFAULT_STATIC_QUANT_MODULE_MAPPINGS, DEFAULT_QAT_MODULE_MAPPINGS, DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS,
    )  # fmt: skip
    return {nn.Sequential}.union(*kinds)
