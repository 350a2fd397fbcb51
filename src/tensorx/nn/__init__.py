"""Neural networks: modules, their functional forms, initialisation (PyTorch's names and semantics)."""

from . import functional as functional, init as init, modules as modules, parameter as parameter, utils as utils
from . import parallel as parallel
from .modules import *
from .parallel import DataParallel as DataParallel
from .parameter import Buffer as Buffer, Parameter as Parameter
