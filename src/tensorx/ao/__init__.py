"""Quantization, in the place where PyTorch has it: `tensorx.ao.quantization` and the modules of `tensorx.ao.nn`."""

from . import quantization as quantization  # first: the modules are made of its tensors and observers
from . import nn as nn
