"""How a cut-out is laid into a scene: size, place, colours, texture, light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from inference.training.grounds import Floats, Rng, cloud_noise, colour_matrix, photo_crop
from inference.training.sources import Bytes, Stock, find_used

#: How often each group is the subject of a composite. Low-poly and emoji are many, and poor.
SUBJECT_WEIGHTS: dict[str, float] = {
    "cutout": 0.20,
    "render": 0.20,
    "lowpoly": 0.07,
    "emoji": 0.04,
    "person-cut": 0.16,
    "pet-cut": 0.18,
    "flower-cut": 0.05,
    "clothes-cut": 0.06,
    "scene-cut": 0.04,
    "other-cut": 0.02,
}
#: Groups whose own surface says little, so that a borrowed one replaces it more often.
_PLAIN = frozenset({"lowpoly", "emoji", "render"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A cut-out in the frame: premultiplied colours and alpha, both in [0, 255]."""

    colours: Floats
    alpha: Floats


@dataclass(frozen=True, slots=True)
class Pose:
    """Where and how large: centre as a part of the frame, `scale` of the longer side."""

    scale: float
    x: float
    y: float
    turn: float


def draw_group(stock: Stock, rng: Rng, weights: dict[str, float]) -> str:
    """Draw a group that the stock has, by weight."""
    pool = stock.cutouts
    names = [name for name in weights if pool.get(name)] or sorted(pool)
    shares = np.array([weights.get(name, 1.0) for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def pick_cutout(stock: Stock, rng: Rng, group: str) -> tuple[Bytes, bool]:
    """Pick a cut-out; True says that it was cut off below and must touch the frame's edge."""
    rows = stock.cutouts[group]
    cutout = rows[rng.integers(len(rows))]
    share = {"person-cut": 0.5, "pet-cut": 0.3}.get(group, 0.06)
    if rng.random() >= share:
        return cutout, False
    height = max(16, int(cutout.shape[0] * rng.uniform(0.13, 0.75)))
    part = cutout[:height]
    columns = find_used(part[..., 3], 12, 0)
    if len(columns) < 8:
        return cutout, False
    return part[:, columns[0] : columns[-1] + 1], True


def draw_pose(rng: Rng, from_below: bool, aspect: float) -> Pose:
    """Draw a pose; `aspect` is the cut-out's height by its longer side."""
    if from_below:
        scale = rng.uniform(0.45, 1.4)
        return Pose(scale, rng.uniform(0.3, 0.7), 1.02 - scale * aspect / 2, 0.0)
    # A quarter fill more than the frame, as close portraits do; the mask is then nearly all of it.
    scale = rng.uniform(1.1, 2.1) if rng.random() < 0.25 else rng.triangular(0.2, 0.8, 1.12)
    spread = max(0.06, 0.5 - scale / 2.4)
    turn = rng.normal(0, 14) if rng.random() < 0.6 else 0.0
    x, y = 0.5 + rng.uniform(-spread, spread), 0.5 + rng.uniform(-spread, spread)
    return Pose(scale, x, y, turn)


def place(cutout: Bytes, pose: Pose, rng: Rng, size: int) -> Placed:
    """Warp a premultiplied cut-out into a frame of `size` square."""
    longer = max(cutout.shape[:2])
    ratio = pose.scale * size / longer
    if ratio < 0.7:  # warpAffine does not average: shrink first
        smaller = (max(2, int(cutout.shape[1] * ratio)), max(2, int(cutout.shape[0] * ratio)))
        cutout = np.asarray(cv2.resize(cutout, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        ratio = pose.scale * size / max(cutout.shape[:2])
    matrix = _matrix(cutout.shape[:2], pose, ratio, rng, size)
    warped = cv2.warpAffine(cutout, matrix, (size, size), flags=cv2.INTER_LINEAR).astype(np.float32)
    return Placed(np.ascontiguousarray(warped[..., :3]), np.ascontiguousarray(warped[..., 3]))


def recolour(placed: Placed, ground: Bytes, rng: Rng, group: str, stock: Stock) -> Placed:
    """Change colours, surface and light; alpha stays as it is."""
    alpha = placed.alpha
    colours = placed.colours
    if rng.random() < (0.45 if group in _PLAIN else 0.16):
        colours = _borrow_surface(placed, ground, stock, rng)
    if rng.random() < 0.7:
        colours = _jitter(colours, alpha, rng, wild=group != "person-cut" and rng.random() < 0.3)
    if rng.random() < 0.5:
        colours = _match_light(colours, alpha, ground, rng.uniform(0.1, 0.9))
    return Placed(np.clip(colours, 0, alpha[..., None]), alpha)


def _matrix(shape: tuple[int, ...], pose: Pose, ratio: float, rng: Rng, size: int) -> Floats:
    height, width = shape[:2]
    stretch = math.exp(rng.normal(0, 0.12))
    angle = math.radians(pose.turn)
    shear = rng.normal(0, 0.08) if rng.random() < 0.3 else 0.0
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = turn @ np.array([[flip * ratio * stretch, shear * ratio], [0.0, ratio / stretch]])
    centre = linear @ np.array([width / 2, height / 2])
    offset = np.array([pose.x * size, pose.y * size]) - centre
    return np.column_stack([linear, offset]).astype(np.float32)


def _jitter(colours: Floats, alpha: Floats, rng: Rng, wild: bool) -> Floats:
    """One linear map on premultiplied colours, and an offset."""
    moved = cv2.transform(colours, colour_matrix(rng, wild))
    return np.asarray(moved + alpha[..., None] * (rng.uniform(-25, 25) / 255), np.float32)


def _borrow_surface(placed: Placed, ground: Bytes, stock: Stock, rng: Rng) -> Floats:
    """Paint the cut-out with another surface, keeping its own light.

    A piece of a photograph, noise, or the ground itself at another place and size, as an animal
    wears the colours of where it lives.
    """
    size = placed.alpha.shape[0]
    draw = rng.random()
    if draw < 0.15:
        surface = photo_crop([ground[::-1]], rng, size, 0.25)
    elif draw < 0.7 and stock.grounds:
        surface = photo_crop(stock.grounds, rng, size, 0.08)
    else:
        surface = cloud_noise(rng, size)
    return paint(placed, surface, rng.uniform(0.25, 0.95), rng.uniform(0.3, 0.8))


def paint(placed: Placed, surface: Bytes, weight: float, relief: float) -> Floats:
    """Mix a surface into a cut-out; `relief` says how much of its own light and shade stays."""
    light = cv2.transform(placed.colours, np.full((1, 3), 1 / 3, np.float32))[..., None]
    level = cv2.sumElems(light)[0] / max(cv2.sumElems(placed.alpha)[0], 1.0) + 0.05
    shade = light / level * relief + placed.alpha[..., None] * 0.3
    painted = surface.astype(np.float32) * shade / 255
    return np.asarray(placed.colours * (1 - weight) + painted * weight, np.float32)


def _match_light(colours: Floats, alpha: Floats, ground: Bytes, strength: float) -> Floats:
    """Move the subject's mean colour towards the ground's, as one light would."""
    own = np.array(cv2.sumElems(colours)[:3]) / max(cv2.sumElems(alpha)[0], 1.0) * 255
    wanted = np.array(cv2.mean(ground)[:3])
    shift = (wanted - own) * strength / 255
    return np.asarray(colours + alpha[..., None] * shift.astype(np.float32), np.float32)
