"""How is a loop over pixels compiled: its types are stated, so importing it makes it ready to run.

Nothing is compiled at a first call. `python -m inference.kernels` compiles all; the machine code is
kept in `__pycache__`, or where NUMBA_CACHE_DIR says, and is loaded from there afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.core.types

Loop = TypeVar("Loop", bound=Callable[..., Any])

types: Any = numba.core.types  # its own types do not know all that they take
nothing = types.void
byte, integer, real = types.uint8, types.intp, types.float32
place, double = types.int32, types.float64


def reads(kind: Any, dimensions: int, layout: str = "C") -> Any:
    """Name an array that is only read, so that read-only arrays fit too; "A" takes any strides."""
    return types.Array(kind, dimensions, layout, readonly=True)


def several(kind: Any, count: int) -> Any:
    """Name a tuple of so many values of one kind."""
    return types.UniTuple(kind, count)


def writes(kind: Any, dimensions: int) -> Any:
    """Name a contiguous array that is written to, or returned."""
    return types.Array(kind, dimensions, "C")


def kernel(returned: Any, *arguments: Any) -> Callable[[Loop], Loop]:
    """Compile a function for exactly these types; it runs without the GIL and checks no bounds."""
    compiled: Any = numba.njit(
        returned(*arguments), cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
    )
    return cast(Callable[[Loop], Loop], compiled)


def exact_kernel(returned: Any, *arguments: Any) -> Callable[[Loop], Loop]:
    """Compile like `kernel`, every product rounded before it is added: the same on all machines."""
    compiled: Any = numba.njit(returned(*arguments), cache=True, nogil=True, error_model="numpy")
    return cast(Callable[[Loop], Loop], compiled)


def part(loop: Loop) -> Loop:
    """Make a function usable inside kernels; it is compiled into each of them."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
    return cast(Loop, compiled(loop))


def exact_part(loop: Loop) -> Loop:
    """Make a function usable inside exact kernels."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")
    return cast(Loop, compiled(loop))
