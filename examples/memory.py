"""Bytes that tensors hold on a device: now, and at the most. For the examples that compare memory."""

from __future__ import annotations

import tensorx as tx


def memory_now(device: str) -> int:
    """Bytes that tensors hold."""
    return tx.cuda.memory_allocated() if device == "cuda" else tx._C.memory_stats()["allocated"]


def peak_memory(device: str) -> int:
    """The most bytes that tensors held since the last call."""
    if device == "cuda":
        peak = tx.cuda.max_memory_allocated()
        tx.cuda.reset_peak_memory_stats()
        return peak
    peak = tx._C.memory_stats()["peak_allocated"]
    tx._C.reset_peak_memory()
    return peak
