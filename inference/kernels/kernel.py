"""How is a loop over pixels declared, and called as machine code, without the GIL.

A kernel states the types of all that it takes. It writes to arrays that it is given and makes none
itself, so that its machine code needs nothing at run time but the C library.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from inference.kernels import library

Loop = TypeVar("Loop", bound=Callable[..., Any])
Kind = np.dtype[Any]

byte, word, count = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32)
integer, real = np.dtype(np.intp), np.dtype(np.float32)
place, spot, double = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64)

_C_TYPES = {integer: ctypes.c_ssize_t, real: ctypes.c_float, double: ctypes.c_double}


@dataclass(frozen=True, slots=True)
class Array:
    """An array of one kind and so many dimensions."""

    kind: Kind
    dimensions: int
    is_written: bool
    is_contiguous: bool = True

    @property
    def c_types(self) -> tuple[Any, ...]:
        """Two owners, how many values, bytes of each, the first, then lengths and strides."""
        size, length = ctypes.c_ssize_t, self.dimensions
        return (*[ctypes.c_void_p] * 2, size, size, ctypes.c_void_p, *[size] * (2 * length))

    def flat(self, value: Any) -> tuple[Any, ...]:
        """Give an array as machine code takes it; raises TypeError where it is of another type."""
        if (
            not isinstance(value, np.ndarray)
            or value.dtype != self.kind
            or value.ndim != self.dimensions
            or not value.flags.aligned
            or (self.is_contiguous and not value.flags.c_contiguous)
            or (self.is_written and not value.flags.writeable)
        ):
            raise TypeError(f"needs {self}, got {_describe(value)}")
        address = value.__array_interface__["data"][0]
        return (None, None, value.size, value.itemsize, address, *value.shape, *value.strides)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number."""

    kind: Kind

    @property
    def c_types(self) -> tuple[Any, ...]:
        """What it is in C."""
        return (_C_TYPES[self.kind],)

    def flat(self, value: Any) -> tuple[Any, ...]:
        """Give it as it is."""
        return (value,)


def reads(kind: Kind, dimensions: int) -> Array:
    """Name a contiguous array that is only read."""
    return Array(kind, dimensions, is_written=False)


def views(kind: Kind, dimensions: int) -> Array:
    """Name an array that is only read and may have any strides."""
    return Array(kind, dimensions, is_written=False, is_contiguous=False)


def writes(kind: Kind, dimensions: int) -> Array:
    """Name a contiguous array that is written to."""
    return Array(kind, dimensions, is_written=True)


@dataclass(frozen=True, slots=True)
class Part:
    """A function that kernels use; it is compiled into each of them."""

    loop: Callable[..., Any]
    is_exact: bool


@dataclass(frozen=True)
class Kernel:
    """A loop that is called as machine code; kernels may use each other too."""

    loop: Callable[..., Any]
    returned: Kind | None
    arguments: tuple[Array | Scalar, ...]
    is_exact: bool

    def __call__(self, *values: Any) -> Any:
        """Run; raises TypeError where a value is not of the type that was stated."""
        flat: list[Any] = []
        for argument, value in zip(self.arguments, values, strict=True):
            flat += argument.flat(value)
        result, failure = self._result(), ctypes.c_void_p()
        status = self._code(ctypes.byref(result), ctypes.byref(failure), *flat)
        if status != 0:
            raise RuntimeError(f"{self.symbol} ended with status {status}")
        return None if self.returned is None else result.value

    @property
    def symbol(self) -> str:
        """Its name in the machine code."""
        return f"{self.loop.__module__}.{self.loop.__qualname__}"

    @property
    def _result(self) -> Any:
        """What a result is written to; where there is none, a null pointer is."""
        return ctypes.c_void_p if self.returned is None else _C_TYPES[self.returned]

    @cached_property
    def _code(self) -> Any:
        """The machine code, by numba's calling convention: result, failure, then what is taken."""
        c_types = [one for argument in self.arguments for one in argument.c_types]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *c_types)
        return prototype(library.load()(self.symbol))


def kernel(*arguments: Array | Kind, returns: Kind | None = None) -> Callable[[Loop], Loop]:
    """Declare a loop over exactly these types; it runs without the GIL and checks no bounds.

    A product may be added without being rounded before, where the processor can.
    """
    return _declare(arguments, returns, is_exact=False)


def exact_kernel(*arguments: Array | Kind, returns: Kind | None = None) -> Callable[[Loop], Loop]:
    """Declare like `kernel`, every product rounded before it is added: the same on all machines."""
    return _declare(arguments, returns, is_exact=True)


def part(loop: Loop) -> Loop:
    """Make a function usable inside kernels."""
    return cast(Loop, Part(loop, False))


def exact_part(loop: Loop) -> Loop:
    """Make a function usable inside exact kernels."""
    return cast(Loop, Part(loop, True))


def _declare(
    arguments: tuple[Array | Kind, ...], returns: Kind | None, *, is_exact: bool
) -> Callable[[Loop], Loop]:
    taken = tuple(one if isinstance(one, Array) else Scalar(one) for one in arguments)
    made: Any = lambda loop: Kernel(loop, returns, taken, is_exact)  # noqa: E731
    return cast(Callable[[Loop], Loop], made)


def _describe(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    held = "contiguous" if value.flags.c_contiguous else "strided"
    access = "writable" if value.flags.writeable else "read-only"
    return f"{value.dtype} {value.shape}, {held}, {access}"
