"""Quantization, in the place where PyTorch has it: `tensorx.ao.quantization` and the modules of `tensorx.ao.nn`."""

from . import nn as nn, quantization as quantization
