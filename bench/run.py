"""The benchmark: tensorx against PyTorch and NumPy, in one process, at one thread count.

    python bench/run.py                                  every group, all installed libraries
    python bench/run.py --groups overhead,train --quick
    python bench/run.py --filter softmax --json out/bench.json --picture out/ratios.png
    python bench/run.py --busy                           slow-down while another process keeps a core busy
    python bench/run.py --import-time                    import of each library in fresh processes

A ratio is the other library's time over ours: above 1, we are faster. `timing.py` says how it is taken.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path

GROUPS = (
    "overhead autograd elementwise reduction movement matmul nn conv optim train files data quantization vectorization"
).split()
SLOW = "conv"  # every algorithm of a convolution, for every shape: ten minutes
LIBRARIES = ["tensorx", "torch", "numpy"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", help=f"comma separated; default: all, with --quick all but {SLOW}")
    parser.add_argument("--filter", default="", help="only cases whose label contains this")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: about a minute in all")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="for every library")
    parser.add_argument("--rounds", type=int, help="rounds of each case (default 11, quick: 3)")
    parser.add_argument("--libraries", default="", help=f"ours first; default: the installed of {LIBRARIES}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratio of every case")
    parser.add_argument("--busy", action="store_true", help="measure the slow-down beside a busy process")
    parser.add_argument("--import-time", action="store_true", help="measure imports instead")
    options = parser.parse_args()
    every = [group for group in GROUPS if group != SLOW or not options.quick]
    options.groups = options.groups.split(",") if options.groups else every
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))} (choose from {', '.join(GROUPS)})")
    options.libraries = options.libraries.split(",") if options.libraries else installed()
    options.rounds = options.rounds or (3 if options.quick else 11)
    options.block_seconds = 0.002 if options.quick else 0.02
    return options


def installed() -> list[str]:
    found = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    if "tensorx" not in found:
        sys.exit("bench: tensorx is not installed here; run `pip install '.[bench]'` first")
    return found


def main() -> int:
    options = arguments()
    if options.import_time:
        from imports import report_import_times

        return report_import_times([name for name in options.libraries if name != "numpy"])
    # Before the libraries are imported: some read these only once.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TENSORX_NUM_THREADS"):
        os.environ[variable] = str(options.threads)

    from ceilings import Ceilings
    from report import print_busy_report, print_report, write_json
    from session import Session

    groups = {name: list(importlib.import_module(f"cases_{name}").cases()) for name in options.groups}
    ceilings = Ceilings.measure(options.threads)
    results = Session(options).run(groups)
    if options.busy:
        print_busy_report(results, options)
    else:
        print_report(results, options, ceilings)
    if options.json:
        write_json(options.json, results, options, ceilings)
    if options.picture:
        from picture import draw

        draw(results, options)
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
