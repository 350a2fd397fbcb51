"""Quantized layers with a ReLU, which costs nothing: results are clamped at the integer that stands for 0."""

from .. import quantized


class LinearReLU(quantized.Linear):
    """`tensorx.ao.nn.quantized.Linear` and a ReLU."""

    relu = True


class ConvReLU1d(quantized.Conv1d):
    """`tensorx.ao.nn.quantized.Conv1d` and a ReLU."""

    relu = True


class ConvReLU2d(quantized.Conv2d):
    """`tensorx.ao.nn.quantized.Conv2d` and a ReLU."""

    relu = True
