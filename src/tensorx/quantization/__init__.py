"""The older name of `tensorx.ao.quantization`."""

from ..ao.quantization import *
