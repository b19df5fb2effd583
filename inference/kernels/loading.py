"""Which kernels are there, and how do they become ready before the first picture comes."""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    *("resampling", "edges", "colours", "composing", "regions"),
    *("bands", "samples", "affinity", "relaxation", "cholesky"),
)


def load_kernels() -> None:
    """Import all kernels: a second with their machine code kept, ten seconds without."""
    for name in _MODULES:
        import_module(f"inference.kernels.{name}")
