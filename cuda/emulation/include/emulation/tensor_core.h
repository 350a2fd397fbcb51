// Instructions of the tensor cores, with the fragment layouts of the PTX ISA manual. Wrapped in ptx.cuh.
#pragma once
#include "device.h"
