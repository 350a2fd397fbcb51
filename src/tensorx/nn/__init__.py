"""Neural networks: modules, their functional forms, initialisation (PyTorch's names and semantics)."""

from . import (
    attention as attention,
    functional as functional,
    init as init,
    modules as modules,
    parameter as parameter,
    utils as utils,
)
from .modules import *
from .parameter import Buffer as Buffer, Parameter as Parameter
