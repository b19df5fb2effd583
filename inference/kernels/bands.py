"""Where is a trimap still known when it shrinks: where all of its pixels agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.kernels.kernel import byte, kernel, views, writes

Bytes = NDArray[np.uint8]

UNKNOWN = np.uint8(128)


def shrink_trimap(trimap: Bytes, width: int, height: int) -> Bytes:
    """Shrink H×W to height×width: 0 or 255 where all that lies under a pixel is, else 128.

    Pixels that lie under two count for both. Neither side may grow.
    """
    result, wide = np.empty((height, width), np.uint8), trimap.shape[1]
    _shrink_trimap(trimap, np.empty(wide, np.uint8), np.empty(wide, np.uint8), result)
    return result


@kernel(views(byte, 2), writes(byte, 1), writes(byte, 1), writes(byte, 2))
def _shrink_trimap(trimap: Bytes, lowest: Bytes, highest: Bytes, result: Bytes) -> None:
    tall, wide = trimap.shape
    height, width = result.shape
    for row in range(height):
        lowest[:] = 255
        highest[:] = 0
        for y in range(row * tall // height, -(-(row + 1) * tall // height)):
            for x in range(wide):
                lowest[x] = min(lowest[x], trimap[y, x])
                highest[x] = max(highest[x], trimap[y, x])
        for column in range(width):
            low, high = np.uint8(255), np.uint8(0)
            for x in range(column * wide // width, -(-(column + 1) * wide // width)):
                low, high = min(low, lowest[x]), max(high, highest[x])
            if low == np.uint8(255):
                result[row, column] = 255
            else:
                result[row, column] = 0 if high == np.uint8(0) else UNKNOWN
