"""Bytes that tensors hold on a device: now, and at the most while something runs."""

import gc

import tensorx as tx
from tensorx import _C


def held(device):
    """Bytes that tensors hold now."""
    gc.collect()
    return tx.cuda.memory_allocated() if device == "cuda" else _C.memory_stats()["allocated"]


def peak(device, run):
    """The most bytes that tensors held while run() ran, beyond those held before; without waiting for the collector."""
    before = held(device)
    gc.disable()
    try:
        if device == "cuda":
            tx.cuda.reset_peak_memory_stats()
            run()
            return tx.cuda.max_memory_allocated() - before
        _C.reset_peak_memory()
        run()
        return _C.memory_stats()["peak_allocated"] - before
    finally:
        gc.enable()
