"""How is one training sample made: a composite scene or a photograph, with its exact mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from inference.training.augment import augment
from inference.training.grounds import Floats, Rng, make_ground, photo_crop, resize, tint
from inference.training.sources import Bytes, Photo, Stock, find_used
from inference.training.subjects import (
    SUBJECT_WEIGHTS,
    Placed,
    Pose,
    draw_group,
    draw_pose,
    paint,
    pick_cutout,
    place,
    recolour,
)

#: How often each group of photographs is drawn.
PHOTO_WEIGHTS: dict[str, float] = {
    "person": 0.33,
    "clothes": 0.24,
    "pet": 0.18,
    "flower": 0.11,
    "scene": 0.15,
    "other": 0.05,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """RGB and mask (255 = subject), both of one square size."""

    rgb: Bytes
    mask: Bytes


def make_sample(stock: Stock, seed: tuple[int, ...], size: int, photo_share: float) -> Sample:
    """Make the sample that `seed` names: the same seed and stock always give the same pixels."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    is_photo = bool(stock.photos) and rng.random() < photo_share
    if not stock.cutouts or is_photo:
        sample = photograph(stock, rng, size)
    elif rng.random() < 0.015:
        sample = Sample(make_ground(stock, rng, size), np.zeros((size, size), np.uint8))
    else:
        sample = composite(stock, rng, size)
    return Sample(augment(sample.rgb, rng), sample.mask)


def composite(stock: Stock, rng: Rng, size: int) -> Sample:
    """Lay one to three subjects over a ground; the mask is exactly the alpha that was laid."""
    ground = make_ground(stock, rng, size)
    canvas = ground.astype(np.float32)
    if rng.random() < 0.3:
        canvas = _furnish(canvas, ground, stock, rng)
    if rng.random() < 0.22:
        canvas = _lay(canvas, _distractor(stock, rng, size))
    rest = np.ones((size, size), np.float32)
    group = draw_group(stock, rng, SUBJECT_WEIGHTS)
    count = int(rng.choice([1, 2, 3], p=[0.80, 0.15, 0.05]))
    for index in range(count):
        placed = _subject(stock, rng, size, group, count, index)
        placed = recolour(placed, ground, rng, group, stock)
        if rng.random() < 0.4:
            canvas = _shade(canvas, placed.alpha, rng)
        canvas = _lay(canvas, placed)
        rest *= 1 - placed.alpha / 255
    mask = np.rint((1 - rest) * 255).astype(np.uint8)
    if (mask > 127).mean() < 0.015:  # fell out of the frame
        return composite(stock, rng, size)
    return Sample(np.clip(canvas, 0, 255).astype(np.uint8), mask)


def photograph(stock: Stock, rng: Rng, size: int) -> Sample:
    """Crop a labelled photograph: mostly whole, now and then a bust or a close part."""
    names = [name for name in PHOTO_WEIGHTS if stock.photos.get(name)]
    shares = np.array([PHOTO_WEIGHTS[name] for name in names])
    group = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    rows = stock.photos[group]
    photo = rows[rng.integers(len(rows))]
    top, bottom, left, right = _window(photo, rng, group)
    mask = resize(photo.mask[top:bottom, left:right], size)
    if (mask > 127).mean() < 0.02:  # the subject fell out: take the whole
        top, left = 0, 0
        bottom, right = photo.mask.shape
        mask = resize(photo.mask, size)
    sample = Sample(resize(photo.rgb[top:bottom, left:right], size), mask)
    if rng.random() < 0.3:
        sample = _tint_apart(sample, rng)
    if rng.random() < 0.5:
        flipped = np.ascontiguousarray(sample.rgb[:, ::-1])
        return Sample(flipped, np.ascontiguousarray(mask[:, ::-1]))
    return sample


def _subject(stock: Stock, rng: Rng, size: int, group: str, count: int, index: int) -> Placed:
    cutout, from_below = pick_cutout(stock, rng, group)
    pose = draw_pose(rng, from_below, cutout.shape[0] / max(cutout.shape[:2]))
    if count > 1:  # side by side, smaller
        x = (index + 0.5) / count + rng.uniform(-0.12, 0.12)
        pose = Pose(pose.scale * rng.uniform(0.5, 0.75), x, rng.uniform(0.4, 0.65), pose.turn)
    return place(cutout, pose, rng, size)


def _distractor(stock: Stock, rng: Rng, size: int) -> Placed:
    """A thing that is not the subject: small at the edge, or large and far out of focus."""
    cutout, _ = pick_cutout(stock, rng, draw_group(stock, rng, SUBJECT_WEIGHTS))
    if rng.random() < 0.6:
        x, y = rng.uniform(0, 1), rng.choice([rng.uniform(0, 0.2), rng.uniform(0.75, 1)])
        return place(cutout, Pose(rng.uniform(0.06, 0.17), x, y, 0.0), rng, size)
    placed = place(
        cutout, Pose(rng.uniform(0.3, 0.9), rng.uniform(0, 1), rng.uniform(0, 1), 0.0), rng, size
    )
    sigma = rng.uniform(0.025, 0.06) * size
    colours = cv2.GaussianBlur(placed.colours, (0, 0), sigma)
    alpha = cv2.GaussianBlur(placed.alpha, (0, 0), sigma)
    return Placed(np.asarray(colours, np.float32), np.asarray(alpha, np.float32))


def _furnish(canvas: Floats, ground: Bytes, stock: Stock, rng: Rng) -> Floats:
    """Lumps made of the ground itself, as rocks, trunks and walls are: they are not the subject."""
    size = canvas.shape[0]
    names = [name for name in ("lowpoly", "render", "emoji", "cutout") if stock.cutouts.get(name)]
    for _ in range(rng.integers(1, 5)):
        if not names:
            return canvas
        cutout, _ = pick_cutout(stock, rng, names[int(rng.integers(len(names)))])
        side = rng.choice([rng.uniform(-0.05, 0.25), rng.uniform(0.75, 1.05)])
        x, y = (side, rng.uniform(0.2, 1)) if rng.random() < 0.6 else (rng.uniform(0, 1), side)
        lump = place(cutout, Pose(rng.uniform(0.15, 0.7), x, y, rng.normal(0, 40)), rng, size)
        colours = paint(lump, photo_crop([ground], rng, size, 0.2), 1.0, rng.uniform(0.3, 0.9))
        if rng.random() < 0.5:
            canvas = _shade(canvas, lump.alpha, rng)
        canvas = _lay(canvas, Placed(np.clip(colours, 0, lump.alpha[..., None]), lump.alpha))
    return canvas


def _tint_apart(sample: Sample, rng: Rng) -> Sample:
    """Other colours for the subject or for what is round it, not for both."""
    share = sample.mask[..., None].astype(np.float32) / 255
    share = share if rng.random() < 0.4 else 1 - share
    mixed = sample.rgb * (1 - share) + tint(sample.rgb, rng) * share
    return Sample(mixed.astype(np.uint8), sample.mask)


def _lay(canvas: Floats, placed: Placed) -> Floats:
    return np.asarray(canvas * (1 - placed.alpha[..., None] / 255) + placed.colours, np.float32)


def _shade(canvas: Floats, alpha: Floats, rng: Rng) -> Floats:
    """Drop a soft shadow beside or below the subject."""
    size = alpha.shape[0]
    squash = rng.uniform(0.2, 1.0)
    moved = np.array([[1, 0, rng.normal(0, 0.05) * size], [0, squash, 0]], np.float32)
    rows = find_used(alpha, 64, 1)
    foot = int(rows[-1]) if len(rows) else size - 1
    moved[1, 2] = foot * (1 - squash) + rng.uniform(-0.01, 0.05) * size
    shadow = cv2.warpAffine(alpha, moved, (size, size))
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.008, 0.05) * size)
    return np.asarray(
        canvas * (1 - shadow[..., None] * (rng.uniform(0.15, 0.65) / 255)), np.float32
    )


def _window(photo: Photo, rng: Rng, group: str) -> tuple[int, int, int, int]:
    """Choose rows and columns: top, bottom, left, right."""
    height, width = photo.mask.shape
    rows = find_used(photo.mask, 127, 1)
    columns = find_used(photo.mask, 127, 0)
    if not len(rows) or rng.random() < 0.35:
        return 0, height, 0, width
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if group == "person" and rng.random() < 0.45:  # a bust: the upper part of the person
        bottom = top + max(24, int((bottom - top) * rng.uniform(0.12, 0.6)))
        keep = find_used(photo.mask[top:bottom], 127, 0)
        left, right = keep[0], keep[-1] + 1
        return (
            max(0, top - int(rng.uniform(0.02, 0.4) * (bottom - top))),
            bottom,
            max(0, left - int(rng.uniform(0.05, 1.0) * (right - left))),
            min(width, right + int(rng.uniform(0.05, 1.0) * (right - left))),
        )
    if rng.random() < 0.2:  # any part
        share = rng.uniform(0.5, 0.95)
        tall, wide = int(height * share), int(width * share * math.exp(rng.uniform(-0.2, 0.05)))
        first, second = rng.integers(height - tall + 1), rng.integers(max(1, width - wide + 1))
        return int(first), int(first) + tall, int(second), int(second) + wide
    return (
        int(top * rng.random()),
        int(bottom + (height - bottom) * rng.random()),
        int(left * rng.random()),
        int(right + (width - right) * rng.random()),
    )
