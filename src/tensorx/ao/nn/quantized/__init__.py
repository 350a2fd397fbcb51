"""Layers that compute with integers of eight bits. Made by `tensorx.ao.quantization.convert`."""

from . import dynamic as dynamic
from .functional_modules import FloatFunctional as FloatFunctional, QFunctional as QFunctional
from .layers import Conv1d as Conv1d, Conv2d as Conv2d, Linear as Linear
from .simple import (
    BatchNorm2d as BatchNorm2d,
    DeQuantize as DeQuantize,
    Dropout as Dropout,
    MaxPool2d as MaxPool2d,
    Quantize as Quantize,
    ReLU6 as ReLU6,
    Sigmoid as Sigmoid,
)
