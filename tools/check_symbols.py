"""Fails the build when object files of one instruction set define symbols that others could share.

An inline function or template instance is a weak symbol: were it compiled both with and without AVX-512, the
linker would keep one copy for all, and a machine without AVX-512 would crash. So every weak symbol in a kernel's
object file must name its instruction set (it lives in namespace tx::<isa>, or is a template over a type that does).

Usage: check_symbols.py NM base,avx2,avx512 OBJECT...
"""

import subprocess
import sys


def shared_symbols(nm, isas, objects):
    """(object, name) for every weak symbol whose name holds no instruction set's namespace."""
    found = []
    for path in objects:
        listing = subprocess.run([nm, "--defined-only", "--demangle", path], check=True, capture_output=True, text=True)
        for line in listing.stdout.splitlines():
            _, kind, name = line.split(maxsplit=2)
            if kind in "WVuw" and not name.startswith("DW.ref.") and not any(f"tx::{isa}::" in name for isa in isas):
                found.append((path, name))
    return found


def main():
    nm, isas, *objects = sys.argv[1:]
    found = shared_symbols(nm, isas.split(","), objects)
    for path, name in found:
        print(
            f"{path}: {name} could be shared between instruction sets: put it in namespace tx::TX_ISA, or mark it TX_INLINE"
        )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
