// The kernel table of one instruction set. Compiled once per instruction set.
#include "../kernel_table.h"
