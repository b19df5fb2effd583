"""Which patch of the picture fits where: nearest patches, and the votes of those that overlap.

Patch-based completion after Wexler, Shechtman and Irani (2007): every patch that touches the hole
looks for its nearest patch among those that are wholly known, and each pixel of the hole becomes
the weighted mean of what the nearest patches of all patches over it say. On small pictures the
search is exact (one matrix product); on larger ones candidates come from neighbours and from
random places near the best one so far, as in PatchMatch (Barnes et al. 2009), all patches at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.steps.morphology import Flags, grow

Planes = NDArray[np.float32]
Indices = NDArray[np.int32]

_CHUNK = 1 << 22
_LEAST_SHARE = 1e-6
_DISTANCE = 60.0  # a whole picture away is as bad as colours off by so many levels
_FADE = np.float32(2)  # a patch that lies so many pixels deeper counts this much less


@dataclass(frozen=True, slots=True)
class Level:
    """One size of the picture: `colours` n×3 (changed in place), and where what is, flat."""

    colours: Planes
    width: int
    radius: int
    hole: Indices
    """Pixels to paint."""
    targets: Indices
    """Centres of the patches that touch the hole."""
    sources: Indices
    """Centres of the patches that are wholly known."""
    is_source: Flags
    trust: Planes
    """How much each target's vote counts: less with its depth in the hole."""

    @property
    def offsets(self) -> list[int]:
        """From a patch's centre to each of its pixels."""
        reach = range(-self.radius, self.radius + 1)
        return [row * self.width + column for row in reach for column in reach]


def make_level(image: Planes, hole: Flags, blocked: Flags, radius: int) -> Level:
    """Prepare an h×w×3 picture whose hole holds a first guess."""
    from scipy.ndimage import distance_transform_cdt

    height, width = hole.shape
    centre = np.zeros_like(hole)
    centre[radius : height - radius, radius : width - radius] = True
    is_source = centre & ~grow(blocked, radius)
    targets = np.flatnonzero(centre & grow(hole, radius)).astype(np.int32)
    depth = np.asarray(distance_transform_cdt(hole), np.float32).ravel()
    return Level(
        colours=np.ascontiguousarray(image.reshape(-1, 3), np.float32),
        width=width,
        radius=radius,
        hole=np.flatnonzero(hole).astype(np.int32),
        targets=targets,
        sources=np.flatnonzero(is_source).astype(np.int32),
        is_source=is_source.ravel(),
        trust=_FADE ** -depth[targets],
    )


def search_all(level: Level, limit: int) -> tuple[Indices, Planes]:
    """Return each target's nearest source and its distance; of too many sources every nth."""
    sources = level.sources[:: -(-level.sources.size // limit)]
    known = _patches(level, sources)
    lengths = np.einsum("ij,ij->i", known, known)
    nearest = np.empty_like(level.targets)
    distance = np.empty(level.targets.size, np.float32)
    rows = max(1, _CHUNK // sources.size)
    for start in range(0, level.targets.size, rows):
        part = slice(start, start + rows)
        wanted = _patches(level, level.targets[part])
        scores = wanted @ known.T
        scores *= -2
        scores += lengths
        best = scores.argmin(axis=1)
        nearest[part] = sources[best]
        distance[part] = scores[np.arange(best.size), best] + np.einsum("ij,ij->i", wanted, wanted)
    return nearest, np.maximum(distance, 0)


def measure(level: Level, targets: Indices, sources: Indices) -> Planes:
    """Return the squared distance of n pairs of patches."""
    total = np.zeros(targets.size, np.float32)
    for offset in level.offsets:
        apart = level.colours.take(targets + offset, 0)
        apart -= level.colours.take(sources + offset, 0)
        total += np.einsum("ij,ij->i", apart, apart)
    return total


def search_near(
    level: Level,
    nearest: Indices,
    distance: Planes,
    random: np.random.Generator,
    reaches: tuple[int, ...],
) -> None:
    """Improve n nearest sources in place: from neighbours, and at random places within reach."""
    field = np.full(level.colours.shape[0], -1, np.int32)
    for offset in (1, -1, level.width, -level.width):
        field[level.targets] = nearest
        beside = level.targets - offset
        inside = (beside >= 0) & (beside < field.size)
        found = field.take(np.where(inside, beside, 0))
        _offer(level, nearest, distance, np.where(inside & (found >= 0), found + offset, -1))
    for reach in reaches:
        shifts = random.integers(-reach, reach + 1, (2, nearest.size), np.int32)
        _offer(level, nearest, distance, nearest + shifts[0] * level.width + shifts[1])


def _offer(level: Level, nearest: Indices, distance: Planes, candidates: Indices) -> None:
    """Take those candidates that are sources and nearer than what was known."""
    inside = (candidates >= 0) & (candidates < level.is_source.size)
    usable = level.is_source.take(np.where(inside, candidates, 0)) & inside
    usable &= candidates != nearest
    some = np.flatnonzero(usable)
    apart = measure(level, level.targets[some], candidates[some])
    better = apart < distance[some]
    nearest[some[better]] = candidates[some[better]]
    distance[some[better]] = apart[better]


def vote(level: Level, pixels: Indices, nearest: Indices, distance: Planes, focus: float) -> Planes:
    """Return n×3: the colours of the pixels, each of which some target's patch covers.

    `focus` is the standard deviation, in pixels, of how much a patch's middle counts more than its
    rim: large values smooth, small ones copy.
    """
    sources = np.full(level.colours.shape[0], -1, np.int32)
    sources[level.targets] = nearest
    scale = 2 * max(float(np.percentile(distance, 75)), 1.0)
    weights = np.zeros(level.colours.shape[0], np.float32)
    weights[level.targets] = np.exp(-distance / np.float32(scale)) * level.trust + 1e-8
    total = np.zeros((pixels.size, 3), np.float32)
    amount = np.zeros((pixels.size, 1), np.float32)
    reach = range(-level.radius, level.radius + 1)
    for row in reach:
        for column in reach:
            centre = pixels - (row * level.width + column)
            np.clip(centre, 0, sources.size - 1, out=centre)
            found = sources.take(centre)
            share = weights.take(centre) * (found >= 0)
            # In a corner of the picture a patch's rim may be all there is to say something.
            share *= np.float32(np.exp(-(row**2 + column**2) / (2 * focus**2)) + _LEAST_SHARE)
            place = np.where(found >= 0, found + row * level.width + column, 0)
            total += level.colours.take(place, 0) * share[:, np.newaxis]
            amount += share[:, np.newaxis]
    return np.asarray(total / np.maximum(amount, np.float32(1e-20)), np.float32)


def carry_up(coarse: Level, nearest: Indices, fine: Level) -> Indices:
    """Return the nearest sources of a level of twice the size, from those of the coarser one."""
    from scipy.ndimage import distance_transform_edt

    coarse_height = coarse.colours.shape[0] // coarse.width
    field = np.full(coarse.colours.shape[0], -1, np.int32)
    field[coarse.targets] = nearest
    rows, columns = np.divmod(fine.targets, fine.width)
    above = np.minimum(rows // 2, coarse_height - 1)
    before = np.minimum(columns // 2, coarse.width - 1)
    known = (field >= 0).reshape(coarse_height, coarse.width)
    place = distance_transform_edt(~known, return_distances=False, return_indices=True)
    seen_row, seen_column = place[0][above, before], place[1][above, before]
    found_row, found_column = np.divmod(field[seen_row * coarse.width + seen_column], coarse.width)
    guess_row = rows + 2 * (found_row - seen_row)
    guess_column = columns + 2 * (found_column - seen_column)
    return _nearest_source(fine, guess_row, guess_column)


def _nearest_source(level: Level, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Indices:
    from scipy.ndimage import distance_transform_edt

    height = level.colours.shape[0] // level.width
    np.clip(rows, 0, height - 1, out=rows)
    np.clip(columns, 0, level.width - 1, out=columns)
    is_source = level.is_source.reshape(height, level.width)
    place = distance_transform_edt(~is_source, return_distances=False, return_indices=True)
    found = place[0][rows, columns] * level.width + place[1][rows, columns]
    return np.asarray(found, np.int32)


def _patches(level: Level, centres: Indices) -> Planes:
    """Return the patches as vectors: their colours, and their place, so that near ones are nearer.

    The same colours are found on many things; those close by mostly belong to the same one.
    """
    around = centres[:, np.newaxis] + np.array(level.offsets, np.int32)
    colours = level.colours.take(around, 0).reshape(centres.size, -1)
    height = level.colours.shape[0] // level.width
    scale = _DISTANCE * np.sqrt(colours.shape[1]) / np.hypot(height, level.width)
    places = np.stack(np.divmod(centres, level.width), axis=1) * np.float32(scale)
    return np.concatenate([colours, places], axis=1, dtype=np.float32)
