"""Neural networks: modules, their functional forms, initialisation (PyTorch's names and semantics)."""

from . import functional, init, modules, parameter, utils
from .modules import *
from .parameter import Buffer, Parameter
