"""Loops over pixels that numpy cannot fuse, compiled by numba ahead of time; they release the GIL.

What other packages call makes the arrays; kernels, whose names begin with an underscore where they
need more arrays than their callers know of, fill them.
"""
