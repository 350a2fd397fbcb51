// All functions on registers that the expressions of ops.h may name.
#pragma once
#include "vec_exp.h"
#include "vec_hyperbolic.h"
#include "vec_integer.h"
#include "vec_pow.h"
#include "vec_special.h"
#include "vec_trig.h"
