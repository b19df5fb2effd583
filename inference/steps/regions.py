"""Which regions does a picture have: the subject's parts, what crops show, what colours set apart.

Candidates are compared at a working size; only those that are kept are drawn at full size, where
their edges follow the picture's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.steps.mask import Box, find_box
from inference.steps.morphology import Flags, grow
from inference.steps.resize import resize_mask, resize_rgb
from inference.steps.segments import hierarchy, segment_graph
from inference.steps.upsample import upsample_alpha

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WORKING_SIDE = 192
_SCALE, _PIECES = 120.0, 1 / 400
_SMALLEST, _LARGEST = 0.002, 0.7  # of the picture
_ALIKE = 0.6  # intersection over union from which two regions are one
_CONTRAST = 28.0  # levels of difference along an outline that make it fairly sure
_BEST_BY_COLOUR = 0.85
_BEST_IN_CROP = 0.95
_SURE = 0.5
_CROP_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class RegionWishes:
    """How many regions, how sure, grown by how many pixels, softened over how many."""

    most: int
    confidence: float
    padding: int
    blur: int


@dataclass(frozen=True, slots=True)
class Region:
    """One region: its mask within `box`, 255 is inside."""

    box: Box
    cut: Bytes
    confidence: float
    area: int
    """Pixels of at least 128."""


@dataclass(frozen=True, slots=True)
class Regions:
    """What was found in a picture of this size, surest first."""

    width: int
    height: int
    found: tuple[Region, ...]

    def mask(self, region: Region) -> Bytes:
        """Draw one region at the picture's size."""
        return self._drawn([region])

    def union(self) -> Bytes:
        """Draw all regions at the picture's size: white where any of them is."""
        return self._drawn(self.found)

    def _drawn(self, regions: Sequence[Region]) -> Bytes:
        drawn = np.zeros((self.height, self.width), np.uint8)
        for region in regions:
            box = region.box
            place = drawn[box.top : box.bottom, box.left : box.right]
            np.maximum(place, region.cut, out=place)
        return drawn


@dataclass(frozen=True, slots=True)
class View:
    """A part of the picture in which the network looked for a subject, and what it saw."""

    box: Box
    mask: Bytes


@dataclass(frozen=True, slots=True)
class _Candidate:
    where: Flags
    confidence: float
    view: View | None = None


def crops(width: int, height: int) -> list[Box]:
    """Return the parts of a picture in which to look for more subjects: corners and middle."""
    wide, high = ceil(width * _CROP_SHARE), ceil(height * _CROP_SHARE)
    right, bottom = width - wide, height - high
    corners = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right // 2, bottom // 2)]
    return [Box(left, top, left + wide, top + high) for left, top in corners]


def find_regions(
    rgb: Bytes, views: Sequence[View], wishes: RegionWishes, check_deadline: Callable[[], None]
) -> Regions:
    """Return the surest regions of a picture, at most as many as wished, none twice."""
    height, width = rgb.shape[:2]
    shrink = max(1.0, max(height, width) / _WORKING_SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = resize_rgb(rgb, *size)
    candidates = [each for view in views for each in _subjects(view, (width, height), size)]
    candidates += _pieces(small)
    check_deadline()
    found = []
    for candidate in _best(candidates, wishes):
        region = _drawn(rgb, candidate, wishes)
        check_deadline()
        if region is not None:
            found.append(region)
    return Regions(width, height, tuple(found))


def _subjects(view: View, whole: tuple[int, int], size: tuple[int, int]) -> Iterator[_Candidate]:
    """Yield the connected parts of what the network saw that are not cut off by the view's edge."""
    from scipy.ndimage import label

    full = np.zeros((whole[1], whole[0]), np.uint8)
    box = view.box
    full[box.top : box.bottom, box.left : box.right] = view.mask
    alpha = resize_mask(full, *size)
    labels, count = label(alpha >= 128, np.ones((3, 3)))
    is_whole = (box.width, box.height) == whole
    for number in range(1, count + 1):
        part = labels == number
        if not is_whole and _is_cut(part, box, whole):
            continue
        certainty = float(alpha[part].mean()) / 255
        yield _Candidate(part, certainty * (1.0 if is_whole else _BEST_IN_CROP), view)


def _is_cut(part: Flags, view: Box, whole: tuple[int, int]) -> bool:
    """Tell whether a part reaches an edge of the view that is not the picture's own."""
    found = find_box(part.view(np.uint8))
    assert found is not None
    across, down = whole[0] / part.shape[1], whole[1] / part.shape[0]
    return (
        (view.left > 0 and (found.left - 1) * across <= view.left)
        or (view.top > 0 and (found.top - 1) * down <= view.top)
        or (view.right < whole[0] and (found.right + 1) * across >= view.right)
        or (view.bottom < whole[1] and (found.bottom + 1) * down >= view.bottom)
    )


def _pieces(small: Bytes) -> Iterator[_Candidate]:
    """Yield what stands out by its colours, as sure as its outline is clear."""
    image = Image.fromarray(small).filter(ImageFilter.GaussianBlur(0.8))
    colours = np.asarray(image.convert("YCbCr"), np.float32)
    smallest = max(4, round(_PIECES * small.shape[0] * small.shape[1]))
    labels = segment_graph(colours, scale=_SCALE, smallest=smallest)
    for where in hierarchy(colours, labels):
        yield _Candidate(where, _clearness(colours, where))


def _clearness(colours: Floats, where: Flags) -> float:
    """Return how clearly a region is set apart, 0..1: the difference across its outline.

    The picture's border counts as outline that shows no difference.
    """
    within = where & grow(~where, 1)
    beyond = grow(where, 1) & ~where
    if not beyond.any() or not within.any():
        return 0.0
    apart = float(np.linalg.norm(colours[within].mean(axis=0) - colours[beyond].mean(axis=0)))
    border = sum(int(line.sum()) for line in (where[0], where[-1], where[:, 0], where[:, -1]))
    free = 1 - border / (border + int(within.sum()))
    return _BEST_BY_COLOUR * (1 - exp(-apart / _CONTRAST)) * free


def _best(candidates: Sequence[_Candidate], wishes: RegionWishes) -> list[_Candidate]:
    """Keep the surest candidates of fitting size, none of which is nearly another."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.confidence):
        share = float(candidate.where.mean())
        if len(kept) == wishes.most or candidate.confidence < wishes.confidence:
            break
        is_sized = _SMALLEST <= share <= (1.0 if candidate.view else _LARGEST)
        if is_sized and not any(_are_alike(candidate.where, each.where) for each in kept):
            kept.append(candidate)
    return kept


def _are_alike(one: Flags, other: Flags) -> bool:
    return float((one & other).sum()) >= _ALIKE * float((one | other).sum())


def _drawn(rgb: Bytes, candidate: _Candidate, wishes: RegionWishes) -> Region | None:
    """Draw a candidate at full size: along the picture's edges, then grown and softened."""
    height, width = rgb.shape[:2]
    part = _window(candidate.where, wishes, width, height)
    cut = _softened(_exact(rgb, candidate, part), wishes)
    inner = find_box(cut)
    if inner is None:
        return None
    cut = np.ascontiguousarray(cut[inner.top : inner.bottom, inner.left : inner.right])
    box = Box(
        part.left + inner.left,
        part.top + inner.top,
        part.left + inner.right,
        part.top + inner.bottom,
    )
    return Region(box, cut, round(candidate.confidence, 4), int((cut >= 128).sum()))


def _window(where: Flags, wishes: RegionWishes, width: int, height: int) -> Box:
    """Return the full-size box that holds a working-size region with all its growth."""
    found = find_box(where.view(np.uint8))
    assert found is not None
    across, down = width / where.shape[1], height / where.shape[0]
    room = max(0, wishes.padding) + 3 * wishes.blur
    return Box(
        max(0, int((found.left - 2) * across) - room),
        max(0, int((found.top - 2) * down) - room),
        min(width, ceil((found.right + 2) * across) + room),
        min(height, ceil((found.bottom + 2) * down) + room),
    )


def _exact(rgb: Bytes, candidate: _Candidate, part: Box) -> Bytes:
    height, width = rgb.shape[:2]
    across, down = width / candidate.where.shape[1], height / candidate.where.shape[0]
    rows = ((np.arange(part.top, part.bottom) + 0.5) / down).astype(np.intp)
    columns = ((np.arange(part.left, part.right) + 0.5) / across).astype(np.intp)
    if candidate.view is not None:
        near = grow(candidate.where, 1)[rows][:, columns]
        return np.where(near, _seen(candidate.view, part), np.uint8(0))
    size = ceil(part.width / across), ceil(part.height / down)
    nearest = candidate.where[rows][:, columns].astype(np.uint8) * np.uint8(255)
    small = resize_mask(nearest, *size).astype(np.float32) * np.float32(1 / 255)
    return upsample_alpha(
        small, np.ascontiguousarray(rgb[part.top : part.bottom, part.left : part.right])
    )


def _seen(view: View, part: Box) -> Bytes:
    """Return what the network saw in a part of the picture; 0 outside its view."""
    seen = np.zeros((part.height, part.width), np.uint8)
    left, top = max(part.left, view.box.left), max(part.top, view.box.top)
    right, bottom = min(part.right, view.box.right), min(part.bottom, view.box.bottom)
    if left < right and top < bottom:
        seen[top - part.top : bottom - part.top, left - part.left : right - part.left] = view.mask[
            top - view.box.top : bottom - view.box.top, left - view.box.left : right - view.box.left
        ]
    return seen


def _softened(cut: Bytes, wishes: RegionWishes) -> Bytes:
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    if wishes.padding:
        change = maximum_filter1d if wishes.padding > 0 else minimum_filter1d
        for axis in (0, 1):
            cut = change(cut, 2 * abs(wishes.padding) + 1, axis=axis, mode="nearest")
    if not wishes.blur:
        return np.where(cut >= 128, np.uint8(255), np.uint8(0))
    image = Image.fromarray(np.ascontiguousarray(cut))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(wishes.blur / 2)), np.uint8)
