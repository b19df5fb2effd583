"""`python -m inference.kernels`: compile all kernels, once for this machine."""

from inference.kernels.loading import load_kernels

load_kernels()
