"""What cameras and codecs do to a picture: exposure, noise, blur, small sizes, JPEG, no colour."""

from __future__ import annotations

import cv2
import numpy as np

from inference.training.grounds import Rng
from inference.training.sources import Bytes


def augment(rgb: Bytes, rng: Rng) -> Bytes:
    """Degrade a picture at random; its mask does not move."""
    rgb = _expose(rgb, rng)
    if rng.random() < 0.15:
        rgb = _soften(rgb, rng)
    if rng.random() < 0.25:
        rgb = _grain(rgb, rng)
    if rng.random() < 0.06:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        rgb = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if rng.random() < 0.4:
        rgb = _code_jpeg(rgb, rng)
    return np.ascontiguousarray(rgb)


def _expose(rgb: Bytes, rng: Rng) -> Bytes:
    """Gain, offset, gamma and white balance as one table for each channel."""
    ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.2))
    gain = rng.uniform(0.72, 1.25) * np.exp(rng.normal(0, 0.06, 3))
    table = np.clip((ramp - 0.5) * gain * 255 + 127.5 + rng.uniform(-22, 22), 0, 255)
    return np.asarray(cv2.LUT(rgb, table.astype(np.uint8)[None]), np.uint8)


def _soften(rgb: Bytes, rng: Rng) -> Bytes:
    """Blur, or lose detail by a smaller size and back."""
    size = rgb.shape[0]
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    small = int(size * rng.uniform(0.4, 0.8))
    tiny = cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def _grain(rgb: Bytes, rng: Rng) -> Bytes:
    height, width = rgb.shape[:2]
    channels = 3 if rng.random() < 0.5 else 1
    noise = rng.standard_normal((height, width, channels), np.float32) * rng.uniform(2, 13)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def _code_jpeg(rgb: Bytes, rng: Rng) -> Bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))]
    _, code = cv2.imencode(".jpg", rgb, quality)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
