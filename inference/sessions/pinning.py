"""Where does a batch wait for the GPU? In page-locked memory, which the GPU reads by itself.

From ordinary memory CUDA copies a batch twice: its driver first moves it to such memory of its own
(CUDA C++ Best Practices Guide, "Pinned Memory").
"""

from __future__ import annotations

import ctypes
import logging
import math
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RUNTIME = "libcudart.so.13"
"""CUDA's runtime, of the version that ONNX Runtime's CUDA provider has loaded."""
_log = logging.getLogger(__name__)


def pinned(
    shape: tuple[int, ...], dtype: np.dtype[Any], device: int, runtime: Any = None
) -> NDArray[Any]:
    """Return zeros that a GPU reads by itself; their memory ends with the last view of them.

    Where the system gives none (its limits, no runtime), they lie in ordinary memory: the GPU gets
    the same batch a little later, and the log says why. `runtime` is for tests.
    """
    size = math.prod(shape) * dtype.itemsize
    address = ctypes.c_void_p()
    try:
        runtime = runtime or ctypes.CDLL(_RUNTIME)
        # Without the first, CUDA would also take memory for itself on GPU 0.
        code = runtime.cudaSetDevice(ctypes.c_int(device)) or runtime.cudaHostAlloc(
            ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(0)
        )
        trouble = f"CUDA error {code}" if code else ""
    except (OSError, AttributeError) as exc:
        trouble = str(exc)
    if trouble or address.value is None:
        _log.warning("no pinned memory", extra={"bytes": size, "detail": trouble})
        return np.zeros(shape, dtype)
    block = (ctypes.c_ubyte * size).from_address(address.value)
    # Arrays hold their block, never each other: it goes when the last of them does.
    weakref.finalize(block, runtime.cudaFreeHost, address)
    zeros: NDArray[Any] = np.frombuffer(memoryview(block), dtype).reshape(shape)
    zeros[:] = 0
    return zeros
