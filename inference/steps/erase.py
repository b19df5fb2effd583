"""How is a hole filled without a network: from patches of the picture, coarse to fine.

Few pixels across, a hole is found its structure by exact search; its detail comes from the same
places at every larger size. Where the search would take too long at full size, only the places are
carried up, so that the detail is copied and never enlarged. At last the fill is shifted smoothly
in colour until it meets the hole's border (membrane interpolation, as Poisson editing does it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.steps.diffusion import relax, spread
from inference.steps.holes import Hole, find_window
from inference.steps.morphology import Flags, grow
from inference.steps.patches import (
    Indices,
    Level,
    carry_up,
    make_level,
    measure,
    search_all,
    search_near,
    vote,
)
from inference.steps.trend import FLAT, Trend, find_trend

Bytes = NDArray[np.uint8]
Planes = NDArray[np.float32]

_RADIUS, _SMALL_RADIUS, _LEAST_RADIUS = 3, 2, 1
_LEAST_SOURCES = 0.4  # of what may be copied
_THIN = 1.5  # a hole at most three pixels across has no texture to lose
_COARSE_DEPTH = 4.0  # pixels from the rim to the middle of the hole at the smallest size
_SMALLEST_SIDE = 24
_EXACT_PAIRS, _EXACT_SOURCES = 12_000_000, 10_000
_LARGEST_FIRST = 8_000
_SEARCHED = 25_000  # patches; with more of them they are small, and only neighbours are asked
_FIRST_ROUNDS, _EXACT_ROUNDS = 8, 3
_REACHES = (16, 4, 1)
_FOCUS, _LAST_FOCUS = 1.2, 0.25
_MOST_SHIFT = 80.0  # levels; a larger step at the border is an edge of the picture
_RIM = 3  # pixels along the border that are smoothed, so that no outline is seen
_SEED = 1
_WORKING_PIXELS = 2_500_000  # of the hole's surroundings; a larger picture is filled at less
_HALF = 0.5
_CHUNK = 1 << 18


def fill_hole(rgb: Bytes, hole: Hole, check_deadline: Callable[[], None]) -> Bytes:
    """Return H×W×3 with the hole painted; other pixels are those of `rgb`."""
    window = find_window(hole.inside)
    around, inside = rgb[window], hole.inside[window]
    shrink = ceil(sqrt(inside.size / _WORKING_PIXELS))
    view = _shrunk(around, inside, hole.blocked[window], shrink)
    painting = _paint(view, check_deadline)
    result = rgb.copy()
    for rows, columns in _pixels(inside):
        colours = _with_detail(around, inside, view, painting, (rows, columns, shrink))
        result[window][rows, columns] = np.rint(np.clip(colours, 0, 255)).astype(np.uint8)
    return result


@dataclass(frozen=True, slots=True)
class View:
    """The picture round a hole at one size: h×w×3, and h×w what is to paint and not to copy."""

    image: Planes
    """Without the trend of its colours."""
    inside: Flags
    blocked: Flags
    trend: Trend = FLAT
    """At full size."""


@dataclass(frozen=True, slots=True)
class Painting:
    """A painted view h×w×3, and from which pixel (flat) each pixel of the hole was copied."""

    image: Planes
    origins: Indices | None = None
    """h×w; below 0 where a pixel was not copied."""


def _shrunk(rgb: Bytes, inside: Flags, blocked: Flags, shrink: int) -> View:
    """Average blocks of known pixels; a block is in the hole where more than half of it is."""
    trend = find_trend(rgb, ~blocked)
    if shrink == 1:
        return View(rgb - trend.over(*inside.shape), inside, blocked, trend)
    known = Image.fromarray(np.where(inside, np.uint8(0), np.uint8(255)))
    kept = Image.new("RGB", known.size)
    kept.paste(Image.fromarray(rgb), (0, 0), known)
    share = np.asarray(known.reduce(shrink), np.float32) * np.float32(1 / 255)
    sums = np.asarray(kept.reduce(shrink), np.float32)
    free = Image.fromarray(np.where(blocked, np.uint8(0), np.uint8(255))).reduce(shrink)
    image = np.minimum(sums / np.maximum(share, np.float32(1 / 255))[..., np.newaxis], 255)
    height, width = share.shape
    image -= trend.over(height, width, shrink)
    return View(image, share < _HALF, np.asarray(free, np.float32) < 255 * _HALF, trend)


def _pixels(inside: Flags) -> Iterator[tuple[Indices, Indices]]:
    """Yield the rows and columns of the hole's pixels, so many at a time."""
    pixels = np.flatnonzero(inside)
    for start in range(0, pixels.size, _CHUNK):
        rows, columns = np.divmod(pixels[start : start + _CHUNK], inside.shape[1])
        yield rows.astype(np.int32), columns.astype(np.int32)


def _with_detail(
    rgb: Bytes,
    inside: Flags,
    view: View,
    painting: Painting,
    place: tuple[Indices, Indices, int],
) -> Planes:
    """Return n×3: the painted colours, and what the full-size picture has beyond the view.

    The detail comes from the full-size pixels at the places from which the view was painted.
    """
    rows, columns, shrink = place
    small_rows, small_columns = rows // shrink, columns // shrink
    colours = painting.image[small_rows, small_columns] + view.trend.at(rows, columns)
    if shrink == 1 or painting.origins is None:
        return colours
    origins = painting.origins[small_rows, small_columns]
    from_rows, from_columns = np.divmod(origins, view.inside.shape[1])
    rows = rows + shrink * (from_rows - small_rows)
    columns = columns + shrink * (from_columns - small_columns)
    usable = (origins >= 0) & (rows < inside.shape[0]) & (columns < inside.shape[1])
    rows, columns = rows * usable, columns * usable
    usable &= ~inside[rows, columns]
    detail = rgb[rows, columns] - view.trend.at(rows, columns)
    detail -= view.image[from_rows * usable, from_columns * usable]
    return np.asarray(colours + detail * usable[:, np.newaxis], np.float32)


def _paint(view: View, check_deadline: Callable[[], None]) -> Painting:
    from scipy.ndimage import distance_transform_edt

    depth = float(np.asarray(distance_transform_edt(np.pad(view.inside, 1))).max())
    if depth <= _THIN:
        return Painting(_smooth(view, 20))
    work: Work | None = None
    for size in _sizes(view, depth):
        work = _improve(size, work, check_deadline)
    if work is None:
        return Painting(_smooth(view, 100))
    origins = np.full(view.inside.size, -1, np.int32)
    origins[work.level.targets] = work.nearest
    return Painting(_meet_border(view, work), origins.reshape(view.inside.shape))


def _smooth(view: View, steps: int) -> Planes:
    known = (~view.inside).astype(np.float32)
    return relax(spread(view.image, known), view.inside, steps)


def _sizes(view: View, depth: float) -> list[View]:
    """Return the view at sizes from coarse to full, each twice the one before."""
    views = [view]
    while depth > _COARSE_DEPTH and min(views[-1].inside.shape) >= 2 * _SMALLEST_SIDE:
        views.append(_half(views[-1]))
        depth /= 2
    return views[::-1]


def _half(view: View) -> View:
    """Halve a view: colours are means of known pixels, a pixel is a hole where more than half is.

    Where nothing is known the colour is 0: it lies in the hole.
    """
    height, width = view.inside.shape
    odd = ((0, height % 2), (0, width % 2))
    known = _blocks(np.pad(~view.inside, odd, "edge")[..., np.newaxis])
    image = np.pad(view.image, (*odd, (0, 0)), "edge")
    image = _blocks(image * ~np.pad(view.inside, odd, "edge")[..., np.newaxis])
    blocked = _blocks(np.pad(view.blocked, odd, "edge")[..., np.newaxis])[..., 0]
    inside = known[..., 0] < 2
    return View(
        np.asarray(image / np.maximum(known, 1), np.float32), inside, (blocked >= 2) | inside
    )


def _blocks(values: NDArray[Any]) -> Planes:
    sums = values[0::2].astype(np.float32) + values[1::2]
    return np.asarray(sums[:, 0::2] + sums[:, 1::2], np.float32)


@dataclass(frozen=True, slots=True)
class Work:
    """What is found so far at one size."""

    level: Level
    nearest: Indices
    distance: Planes


def _improve(view: View, before: Work | None, check_deadline: Callable[[], None]) -> Work | None:
    """Fill a view, starting from what was found at half its size; None where it has no sources."""
    guess = view.image
    if before is None:
        guess = spread(view.image, (~view.inside).astype(np.float32))
    level = _with_sources(guess, view)
    is_large = before is not None and level.targets.size > _SEARCHED
    if is_large:
        level = make_level(guess, view.inside, view.blocked, _SMALL_RADIUS)
    if level.sources.size == 0:
        return None
    if before is None:
        # A hole that is still large where the first sources appear has nothing to be filled from.
        too_large = level.targets.size > _LARGEST_FIRST
        return None if too_large else _search_exactly(level, _FIRST_ROUNDS, check_deadline)
    nearest = carry_up(before.level, before.nearest, level)
    distance = np.zeros(nearest.size, np.float32)
    _vote(level, nearest, distance, _FOCUS)
    if not is_large and level.targets.size * level.sources.size <= _EXACT_PAIRS:
        return _search_exactly(level, _EXACT_ROUNDS, check_deadline)
    distance = measure(level, level.targets, nearest)
    check_deadline()
    reaches = () if is_large else _REACHES
    search_near(level, nearest, distance, np.random.default_rng(_SEED), reaches)
    _vote(level, nearest, distance, _FOCUS)
    check_deadline()
    return Work(level, nearest, distance)


def _with_sources(guess: Planes, view: View) -> Level:
    """Prepare a size with patches so small that what is known in narrow places is a source, too.

    Few pixels across, a picture of which much is to be painted has hardly a place for large ones,
    and what stands in the only such place would be copied everywhere.
    """
    for radius in (_RADIUS, _SMALL_RADIUS):
        level = make_level(guess, view.inside, view.blocked, radius)
        if level.sources.size >= _LEAST_SOURCES * np.count_nonzero(~view.blocked):
            return level
    return make_level(guess, view.inside, view.blocked, _LEAST_RADIUS)


def _search_exactly(level: Level, rounds: int, check_deadline: Callable[[], None]) -> Work:
    work = Work(level, *search_all(level, _EXACT_SOURCES))
    for _ in range(rounds):
        _vote(level, work.nearest, work.distance, _FOCUS)
        check_deadline()
        work = Work(level, *search_all(level, _EXACT_SOURCES))
    return work


def _vote(level: Level, nearest: Indices, distance: Planes, focus: float) -> None:
    level.colours[level.hole] = vote(level, level.hole, nearest, distance, focus)


def _meet_border(view: View, work: Work) -> Planes:
    """Copy the detail sharply, and shift its colours so that they meet those around the hole."""
    level, shape = work.level, view.image.shape
    _vote(level, work.nearest, work.distance, _LAST_FOCUS)
    near = find_window(view.inside, margin=_RIM)
    inside = view.inside[near]
    ring = np.zeros_like(view.inside)
    ring[near] = grow(inside, 1) & ~inside
    pixels = np.flatnonzero(ring).astype(np.int32)
    told = vote(level, pixels, work.nearest, work.distance, _LAST_FOCUS)
    missing = np.zeros((*inside.shape, 3), np.float32)
    missing[ring[near]] = np.clip(view.image[ring] - told, -_MOST_SHIFT, _MOST_SHIFT)
    shift = relax(spread(missing, ring[near].astype(np.float32)), inside, 10)
    filled = level.colours.reshape(shape).copy()
    filled[near][inside] += shift[inside]
    filled[near] = relax(filled[near], inside & grow(~inside, _RIM), _RIM)
    return filled
