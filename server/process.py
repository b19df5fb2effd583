"""How does this process share the machine's cores with its own libraries and threads?"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

COLLECT_AFTER = (10_000, 20, 20)
"""Objects made, and collections of each generation before one of the next."""

_M_ARENA_MAX, _HEAPS = -8, 2


def limit_heaps() -> None:
    """Let all threads share two heaps of GNU's malloc, unless the environment says how many.

    With one for each thread, the memory of pictures that are gone lies scattered over them all. To
    be called before there are threads: their first use of memory settles it.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError):  # another libc
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)


def tune_process(switch_interval_ms: float) -> None:
    """Give libraries one thread each, as we divide the cores, and let the loop have the GIL soon.

    A thread that computes in Python keeps the GIL for `switch_interval_ms` after the loop asks for
    it. Libraries that are loaded later read the environment. Garbage in cycles, of which tasks
    leave little, is looked for less often than Python would.
    """
    from threadpoolctl import ThreadpoolController

    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(switch_interval_ms / 1e3)
    for name in _VARIABLES:
        os.environ.setdefault(name, "1")
    ThreadpoolController().limit(limits=1)
