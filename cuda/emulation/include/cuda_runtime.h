// What a .cu file includes: the host interface, the device language, launches.
#pragma once
#include "cuda_runtime_api.h"
#include "emulation/device.h"
#include "emulation/launch.h"
