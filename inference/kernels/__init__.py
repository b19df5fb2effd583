"""Loops over pixels that numpy cannot fuse, compiled by numba; they release the GIL.

The modules compile where they are imported and keep the machine code beside themselves, so they
are imported where they are needed, and once at installation and at the start of the service.
"""
