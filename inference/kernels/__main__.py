"""`python -m inference.kernels`: have all kernels compiled for this machine, and load them."""

from inference.kernels.library import load

load()
