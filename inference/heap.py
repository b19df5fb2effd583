"""What does malloc keep of memory that was freed, and who gives it back to the system?"""

from __future__ import annotations

import contextlib
import ctypes
import sys


def trim_heap() -> None:
    """Give back every free page; takes milliseconds. Only GNU's libc keeps them for so long."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another libc
            ctypes.CDLL(None).malloc_trim(0)
