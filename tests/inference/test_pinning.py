"""Page-locked memory: the system's allocator stands for CUDA's, which needs a driver."""

from __future__ import annotations

import ctypes
import gc
import logging
from typing import Any

import numpy as np
import pytest

from inference.sessions.pinning import pinned

_UINT8 = np.dtype(np.uint8)


class Allocator:
    """CUDA's calls on the C library's malloc; it notes what it gave and got back."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.device: int | None = None
        self.given: list[int | None] = []
        self.freed: list[int | None] = []
        self._library = ctypes.CDLL(None)
        self._library.malloc.restype = ctypes.c_void_p
        self._library.malloc.argtypes = [ctypes.c_size_t]
        self._library.free.argtypes = [ctypes.c_void_p]

    def cudaSetDevice(self, device: Any) -> int:  # noqa: N802 - CUDA's name
        self.device = device.value
        return 0

    def cudaHostAlloc(self, place: Any, size: Any, flags: Any) -> int:  # noqa: N802 - CUDA's name
        if not self.code:
            address = self._library.malloc(size)
            ctypes.memset(address, 7, size.value)
            ctypes.cast(place, ctypes.POINTER(ctypes.c_void_p))[0] = address
            self.given.append(address)
        return self.code

    def cudaFreeHost(self, address: Any) -> int:  # noqa: N802 - CUDA's name
        self.freed.append(address.value)
        self._library.free(address)
        return 0


def test_batch_lies_in_the_memory_that_cuda_gave() -> None:
    cuda = Allocator()

    zeros = pinned((2, 3, 4), np.dtype(np.float32), 1, cuda)

    assert zeros.ctypes.data == cuda.given[0]
    assert cuda.device == 1
    assert zeros.dtype == np.float32
    np.testing.assert_array_equal(zeros, np.zeros((2, 3, 4)))


def test_memory_stays_while_a_part_of_it_is_used() -> None:
    cuda = Allocator()
    zeros = pinned((4, 5), _UINT8, 0, cuda)
    part = zeros[1:3]

    del zeros
    gc.collect()
    assert cuda.freed == []

    del part
    gc.collect()
    assert cuda.freed == cuda.given


def test_refusal_is_logged_and_ordinary_memory_taken(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        zeros = pinned((4, 5), _UINT8, 0, Allocator(code=2))

    np.testing.assert_array_equal(zeros, np.zeros((4, 5)))
    assert caplog.records[0].detail == "CUDA error 2"  # type: ignore[attr-defined]


def test_library_without_the_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        zeros = pinned((4, 5), _UINT8, 0, object())

    assert zeros.shape == (4, 5)
    assert "cudaSetDevice" in caplog.records[0].detail  # type: ignore[attr-defined]
