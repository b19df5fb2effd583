"""What stands behind a subject: photographs, strips beside people, studio walls, noise."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.training.sources import Bytes, Photo, Stock, find_used

Floats = NDArray[np.float32]
Rng = np.random.Generator


def make_ground(stock: Stock, rng: Rng, size: int) -> Bytes:
    """Make one ground of `size` square."""
    draw = rng.random()
    if draw < 0.50 and stock.grounds:
        ground = photo_crop(stock.grounds, rng, size)
    elif draw < 0.66 and stock.photos:
        ground = _beside_subject(stock, rng, size)
    elif draw < 0.74 and stock.grounds:
        ground = _two_zones(stock, rng, size)
    elif draw < 0.94:
        ground = studio(rng, size)
    else:
        ground = cloud_noise(rng, size)
    if rng.random() < 0.5:
        ground = np.ascontiguousarray(ground[:, ::-1])
    if rng.random() < 0.4:
        ground = tint(ground, rng)
    if rng.random() < 0.35:  # a shallow depth of field
        ground = _blur(ground, rng.uniform(0.006, 0.035) * size)
    return ground


def photo_crop(pictures: list[Bytes], rng: Rng, size: int, smallest: float = 0.3) -> Bytes:
    """A random part of a random picture, squeezed into a square."""
    picture = pictures[rng.integers(len(pictures))]
    height, width = picture.shape[:2]
    side = rng.uniform(smallest, 1.0) * min(height, width)
    aspect = math.exp(rng.uniform(-0.35, 0.35))
    rows, columns = min(height, int(side * aspect)), min(width, int(side / aspect))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    return resize(picture[top : top + rows, left : left + columns], size)


def colour_matrix(rng: Rng, wild: bool) -> Floats:
    """A linear map of colours: hue (any if wild), saturation and gain at once."""
    angle = rng.uniform(-math.pi, math.pi) if wild else rng.normal(0, 0.15)
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    hue = math.cos(angle) * np.eye(3) + (1 - math.cos(angle)) * grey + math.sin(angle) * cross
    saturation = rng.uniform(0.15, 1.35)
    matrix = (saturation * hue + (1 - saturation) * grey) * rng.uniform(0.6, 1.25)
    return matrix.astype(np.float32)


def tint(picture: Bytes, rng: Rng) -> Bytes:
    """The same picture in other colours: there are more scenes than we have photographs of."""
    matrix = np.column_stack([colour_matrix(rng, rng.random() < 0.25), rng.uniform(-20, 20, 3)])
    return np.asarray(cv2.transform(picture, matrix.astype(np.float32)), np.uint8)


def studio(rng: Rng, size: int) -> Bytes:
    """A plain wall: one colour or a soft gradient, now and then a floor line and a vignette."""
    if rng.random() < 0.45:
        first = np.full(3, rng.uniform(190, 255)) + rng.uniform(-6, 6, 3)
        second = first - rng.uniform(0, 45)
    else:
        first = rng.uniform(0, 255, 3)
        second = first + rng.uniform(-70, 70, 3)
    angle = rng.uniform(0, 2 * math.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    slope = np.clip(math.cos(angle) * axis[None] + math.sin(angle) * axis[:, None] + 0.5, 0, 1)
    wall = first.astype(np.float32) + slope[..., None] * (second - first).astype(np.float32)
    if rng.random() < 0.25:
        line = int(size * rng.uniform(0.5, 0.9))
        wall[line:] = wall[line:] * rng.uniform(0.7, 1.15) + rng.uniform(-20, 20)
    if rng.random() < 0.3:
        wall = wall + rng.standard_normal((size, size, 1), np.float32) * rng.uniform(1, 5)
    return np.clip(wall, 0, 255).astype(np.uint8)


def cloud_noise(rng: Rng, size: int) -> Bytes:
    """Noise at several scales in two or three colours: grass, rock, fur and cloth from nothing."""
    field = np.zeros((size, size), np.float32)
    fall = rng.uniform(0.4, 0.95)
    for octave in range(2, 8):
        cells = np.asarray(rng.standard_normal((2**octave, 2**octave)), np.float32)
        stretched = cells[:, : max(2, int(cells.shape[1] * rng.uniform(0.3, 1)))]
        field += cv2.resize(stretched, (size, size), interpolation=cv2.INTER_CUBIC) * fall**octave
    field = (field - field.mean()) / (float(field.std()) + 1e-6)
    weight = 1 / (1 + np.exp(-field * rng.uniform(0.7, 2.5)))[..., None]
    first = rng.uniform(20, 235, 3).astype(np.float32)
    second = np.clip(first + rng.uniform(-110, 110, 3), 0, 255).astype(np.float32)
    return np.asarray(np.clip(first * weight + second * (1 - weight), 0, 255), np.uint8)


def resize(picture: Bytes, size: int) -> Bytes:
    """Squeeze into a square, averaging when it shrinks."""
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _beside_subject(stock: Stock, rng: Rng, size: int) -> Bytes:
    """A strip of a photograph next to its subject: streets, floors, lawns."""
    names = sorted(stock.photos)
    for _ in range(4):
        rows = stock.photos[names[rng.integers(len(names))]]
        strip = _widest_strip(rows[rng.integers(len(rows))])
        if strip is not None:
            return photo_crop([strip], rng, size, 0.6)
    return studio(rng, size)


def _widest_strip(photo: Photo) -> Bytes | None:
    columns = find_used(photo.mask, 40, 0)
    if not len(columns):
        return photo.rgb
    left, right = int(columns[0]), int(columns[-1]) + 1
    if max(left, photo.mask.shape[1] - right) < 28:
        return None
    beside_left = left > photo.mask.shape[1] - right
    return photo.rgb[:, : left - 2] if beside_left else photo.rgb[:, right + 2 :]


def _two_zones(stock: Stock, rng: Rng, size: int) -> Bytes:
    """One ground above a soft horizon and another below."""
    upper = photo_crop(stock.grounds, rng, size, 0.15)
    lower = photo_crop(stock.grounds, rng, size, 0.15)
    if rng.random() < 0.4:
        upper = studio(rng, size)
    line = rng.uniform(0.25, 0.75) + rng.uniform(-0.1, 0.1) * np.linspace(-1, 1, size)[None]
    rows = np.linspace(0, 1, size)[:, None]
    step = np.clip((rows - line) * rng.uniform(10, 100) + 0.5, 0, 1)
    weight = step[..., None].astype(np.float32)
    return np.asarray(upper * (1 - weight) + lower * weight, np.uint8)


def _blur(picture: Bytes, sigma: float) -> Bytes:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.5)), np.uint8)
